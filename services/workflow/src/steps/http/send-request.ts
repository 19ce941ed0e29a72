import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { AppError } from '@flotilla/errors';
import { checkTarget } from '@flotilla/outbound';

export interface OutgoingRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** As much as a step may leave, escapes of JSON not counted. */
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;

/** Sends one request and reads the whole answer. Follows no redirect; keeps no connection. */
export async function sendRequest(outgoing: OutgoingRequest, allowedHosts: ReadonlySet<string>): Promise<Answer> {
  const url = parseUrl(outgoing.url);
  const target = checkTarget(url, allowedHosts);
  const { method, headers, body, signal } = outgoing;
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const send = url.protocol === 'https:' ? requestHttps : requestHttp;
      const request: ClientRequest = send(url, { method, headers, agent: false, signal, ...target }, (response) => {
        readAnswer(response).then(resolve, (error: unknown) => {
          request.destroy();
          reject(error);
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  } catch (error) {
    throw toFailure(error, signal);
  }
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) {
      throw new AppError(
        'failed_precondition',
        'HTTP_ANSWER_TOO_LARGE',
        `The answer has more than ${MAX_RESPONSE_BYTES} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString('utf8') };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw new AppError(
      'failed_precondition',
      'HTTP_URL_INVALID',
      'The URL is not an http or https address without credentials.',
    );
  }
  return url;
}

function toFailure(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof AppError) return error;
  if (signal.aborted) return signal.reason;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_INVALID_CHAR' || code === 'ERR_INVALID_HTTP_TOKEN') {
    return new AppError(
      'failed_precondition',
      'HTTP_HEADER_INVALID',
      'A header has characters that headers cannot have.',
      { cause: error },
    );
  }
  return new AppError('unavailable', 'HTTP_UNREACHABLE', 'The server did not answer.', { cause: error });
}
