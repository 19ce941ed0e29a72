import { once } from 'node:events';
import { create, type DescMethod, toBinary } from '@bufbuild/protobuf';
import { AppError } from '@flotilla/errors';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { abortAfter } from './abort-after.ts';
import { untilAborted } from './call-runner.ts';

/**
 * Sends what a handler produces, no faster than the reader takes it: the handler's next step starts only when there is
 * room. A stream on which nothing moves for `idleMs`, on either side, ends.
 */
export async function writeStream(
  method: DescMethod,
  messages: AsyncIterable<unknown>,
  stream: ServerWritableStream<Buffer, Buffer>,
  callSignal: AbortSignal,
  idleMs: number,
): Promise<void> {
  const tooIdle = () =>
    new AppError('deadline_exceeded', 'STREAM_IDLE', `Nothing moved on the stream for ${idleMs} ms.`);
  const { signal, restart, clear } = abortAfter(callSignal, idleMs, tooIdle);
  const iterator = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await untilAborted(signal, iterator.next());
      if (next.done === true) return;
      const bytes = toBinary(method.output, create(method.output, next.value as Record<string, unknown>));
      if (!stream.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))) {
        await untilAborted(signal, once(stream, 'drain'));
      }
      restart();
    }
  } finally {
    clear();
    // Not awaited: a generator that hangs in its own `await` would keep the caller waiting.
    iterator.return?.().then(undefined, () => undefined);
  }
}
