import { createHash } from 'node:crypto';
import type { InputFile, InputPart as InputPartMessage } from '@flotilla/contracts/agent';
import { AppError } from '@flotilla/errors';
import { abortAfter } from '@flotilla/grpc';
import { checkTarget, isAllowedByName } from '@flotilla/outbound';
import { atPart, type GivenInput, type InputPart, looksLike, noInput, toMediaType } from '../domain/input.ts';

/** Takes parts in as they were given; files that are elsewhere are read. Refuses what is not what it is said to be. */
export type TakeInput = (parts: readonly InputPartMessage[], signal: AbortSignal) => Promise<GivenInput>;

export interface TakeInputOptions {
  /** For addresses that callers name. */
  readonly fetch: typeof fetch;
  readonly allowedHosts: ReadonlySet<string>;
  /** Of all files of one message. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

const maxTextBytes = 500_000;

export function createTakeInput(options: TakeInputOptions): TakeInput {
  const { maxBytes } = options;

  return async (given, signal) => {
    if (given.length === 0) return noInput;
    const parts: InputPart[] = [];
    const files = new Map<string, Uint8Array>();
    let textBytes = 0;
    let fileBytes = 0;
    for (const [index, { part }] of given.entries()) {
      if (part.case === 'text') {
        textBytes += Buffer.byteLength(part.value);
        if (textBytes > maxTextBytes) {
          const message = `Texts have at most ${maxTextBytes} bytes together.`;
          throw atPart(index, 'text', new AppError('invalid_argument', 'INPUT_TOO_LARGE', message));
        }
        parts.push({ type: 'text', text: part.value });
      } else if (part.case === 'file') {
        const data = await dataOf(part.value, index, maxBytes - fileBytes, signal);
        fileBytes += data.byteLength;
        const mediaType = toMediaType(part.value.mediaType);
        if (mediaType === undefined || !looksLike(mediaType, data)) {
          const message = `The file does not look like ${part.value.mediaType}.`;
          const mismatch = new AppError('invalid_argument', 'INPUT_MEDIA_TYPE_MISMATCH', message);
          throw atPart(index, 'file.media_type', mismatch);
        }
        const sha256 = createHash('sha256').update(data).digest('hex');
        files.set(sha256, data);
        const { fileName } = part.value;
        parts.push({ type: 'file', mediaType, fileName, sha256, bytes: data.byteLength });
      }
    }
    return { parts, files };
  };

  async function dataOf(
    { data, url }: InputFile,
    index: number,
    room: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const tooLarge = (field: string) => {
      const message = `The files of a message have at most ${maxBytes} bytes together.`;
      return atPart(index, field, new AppError('invalid_argument', 'INPUT_TOO_LARGE', message));
    };
    if (data.byteLength > 0 === (url !== '')) {
      const message = 'A file is given by its data or by its address, and by one of them only.';
      throw atPart(index, 'file', new AppError('invalid_argument', 'INPUT_FILE_INVALID', message));
    }
    if (url === '') {
      if (data.byteLength > room) throw tooLarge('file.data');
      return data;
    }
    return read(checkUrl(url, index), index, { signal, room, tooLarge: () => tooLarge('file.url') });
  }

  function checkUrl(text: string, index: number): URL {
    const url = URL.parse(text);
    const byName = url !== null && isAllowedByName(url, options.allowedHosts);
    const secure = url?.protocol === 'https:' || (byName && url.protocol === 'http:');
    if (url === null || !secure || url.username !== '' || url.password !== '') {
      const message = 'The address of a file is an https URL without credentials.';
      throw atPart(index, 'file.url', new AppError('invalid_argument', 'INPUT_URL_INVALID', message));
    }
    return url;
  }

  async function read(
    url: URL,
    index: number,
    { signal, room, tooLarge }: { signal: AbortSignal; room: number; tooLarge: () => AppError },
  ): Promise<Uint8Array> {
    const unavailable = (message: string) =>
      atPart(index, 'file.url', new AppError('invalid_argument', 'INPUT_URL_UNAVAILABLE', message));
    const deadline = abortAfter(signal, options.timeoutMs, () => unavailable('The file did not come in time.'));
    try {
      checkTarget(url, options.allowedHosts);
      const response = await options.fetch(url, { redirect: 'manual', signal: deadline.signal });
      if (!response.ok || response.body === null) {
        await response.body?.cancel();
        throw unavailable(`The address answers with status ${response.status}; redirects are not followed.`);
      }
      const pieces: Uint8Array[] = [];
      let bytes = 0;
      for await (const piece of response.body) {
        bytes += piece.byteLength;
        // Leaving the loop closes the connection.
        if (bytes > room) throw tooLarge();
        pieces.push(piece);
      }
      if (bytes === 0) throw unavailable('There is nothing at the address.');
      return Buffer.concat(pieces);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (deadline.signal.aborted) throw deadline.signal.reason;
      if (isPrivate(error)) {
        const message = 'The address is not on the public internet, and the operator does not allow it by name.';
        throw atPart(index, 'file.url', new AppError('invalid_argument', 'INPUT_URL_PRIVATE', message));
      }
      throw error instanceof AppError ? error : unavailable('The file cannot be read from its address.');
    } finally {
      deadline.clear();
    }
  }
}

/** The check of the name says so at once, that of what it resolves to from behind the error of `fetch`. */
function isPrivate(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof AppError && cause.reason === 'HTTP_TARGET_PRIVATE') return true;
  }
  return false;
}
