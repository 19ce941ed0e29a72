import { abortAfter } from '@flotilla/grpc';

export class ResponseTooLarge extends Error {
  constructor(limit: number) {
    super(`The answer is larger than ${limit} bytes.`);
  }
}

export class Redirected extends Error {
  constructor() {
    super('The provider redirects; that is not followed.');
  }
}

/** Nothing came for too long: before the answer, or in the middle of it. */
export class ProviderSilent extends Error {
  constructor(idleTimeoutMs: number) {
    super(`The provider sent nothing for ${idleTimeoutMs} ms.`);
  }
}

/** What one request may cost. Times in milliseconds. */
export interface FetchBounds {
  readonly maxAnswerBytes: number;
  /** Between any two pieces of an answer, and before the first. */
  readonly idleTimeoutMs: number;
}

/** Around each piece of an answer the protocol puts some hundred bytes. */
const wireBytesPerAnswerByte = 64;
const maxErrorBytes = 1024 * 1024;

/** The most bytes of a response that are read. */
export function wireLimit(status: number, maxAnswerBytes: number): number {
  return status >= 200 && status < 300 ? maxAnswerBytes * wireBytesPerAnswerByte : maxErrorBytes;
}

/**
 * `fetch` that follows no redirect (it would carry the key away), stops reading what can be no answer any more, and hangs
 * up on who falls silent.
 */
export function boundedFetch({ maxAnswerBytes, idleTimeoutMs }: FetchBounds, send: typeof fetch = fetch): typeof fetch {
  return async (input, init) => {
    const idle = abortAfter(init?.signal, idleTimeoutMs, () => new ProviderSilent(idleTimeoutMs));
    try {
      const response = await send(input, { ...init, redirect: 'manual', signal: idle.signal });
      if (response.status >= 300 && response.status < 400) {
        await response.body?.cancel();
        throw new Redirected();
      }
      if (response.body === null) {
        idle.clear();
        return response;
      }
      const limit = wireLimit(response.status, maxAnswerBytes);
      let bytes = 0;
      const bounded = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          idle.restart();
          bytes += chunk.byteLength;
          if (bytes > limit) controller.error(new ResponseTooLarge(maxAnswerBytes));
          else controller.enqueue(chunk);
        },
      });
      // Whoever reads is told what went wrong; here it only matters that it is over.
      response.body.pipeTo(bounded.writable).then(idle.clear, idle.clear);
      return new Response(bounded.readable, response);
    } catch (error) {
      idle.clear();
      throw error;
    }
  };
}
