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

/** Around each piece of an answer the protocol puts some hundred bytes. */
const wireBytesPerAnswerByte = 64;
const maxErrorBytes = 1024 * 1024;

/** The most bytes of a response that are read. */
export function wireLimit(status: number, maxAnswerBytes: number): number {
  return status >= 200 && status < 300 ? maxAnswerBytes * wireBytesPerAnswerByte : maxErrorBytes;
}

/** `fetch` that follows no redirect (it would carry the key away) and stops reading what can be no answer any more. */
export function boundedFetch(maxAnswerBytes: number, send: typeof fetch = fetch): typeof fetch {
  return async (input, init) => {
    const response = await send(input, { ...init, redirect: 'manual' });
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      throw new Redirected();
    }
    if (response.body === null) return response;
    const limit = wireLimit(response.status, maxAnswerBytes);
    let bytes = 0;
    const bounded = response.body.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          bytes += chunk.byteLength;
          if (bytes > limit) controller.error(new ResponseTooLarge(maxAnswerBytes));
          else controller.enqueue(chunk);
        },
      }),
    );
    return new Response(bounded, response);
  };
}
