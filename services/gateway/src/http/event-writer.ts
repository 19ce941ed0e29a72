import type { ServerResponse } from 'node:http';
import { AppError } from '@flotilla/errors';

/** One server-sent event. */
export interface ServerSentEvent {
  readonly id?: unknown;
  /** None means `message`. */
  readonly event?: 'end' | 'error';
  readonly data: unknown;
}

/** Writes events to one client. */
export interface EventWriter {
  /** Resolves when there is room for the next one; drops a client that takes nothing for too long. */
  write(event: ServerSentEvent): Promise<void>;
  end(): void;
}

/** Starts heartbeats: comments that keep proxies from closing a quiet stream. */
export function createEventWriter(
  response: ServerResponse,
  { heartbeatMs, stalledMs }: { readonly heartbeatMs: number; readonly stalledMs: number },
): EventWriter {
  response.write('retry: 1000\n\n');
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(': still here\n\n');
  }, heartbeatMs);
  return {
    write: async (event) => {
      if (response.destroyed) throw clientGone();
      if (!response.write(textOf(event))) await drained(response, stalledMs);
    },
    end: () => {
      clearInterval(heartbeat);
      response.end();
    },
  };
}

/** JSON text holds no line breaks, so that one `data` line is enough. */
function textOf({ id, event, data }: ServerSentEvent): string {
  const idLine = typeof id === 'string' && id !== '' ? `id: ${id}\n` : '';
  return `${idLine}${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
}

function drained(response: ServerResponse, stalledMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => () => {
      clearTimeout(stalled);
      response.off('drain', onDrain).off('close', onClose);
      act();
    };
    const onDrain = settle(resolve);
    const onClose = settle(() => reject(clientGone()));
    const stalled = setTimeout(
      settle(() => {
        response.destroy();
        reject(new AppError('cancelled', 'CLIENT_STALLED', 'The client took nothing for too long.'));
      }),
      stalledMs,
    );
    response.once('drain', onDrain).once('close', onClose);
  });
}

function clientGone(): AppError {
  return new AppError('cancelled', 'CLIENT_GONE', 'The caller went away.');
}
