import type { ServerResponse } from 'node:http';
import { AppError } from '@flotilla/errors';
import type { Metrics } from '@flotilla/observability';

/** One client's open stream. */
export interface OpenStream {
  /** Aborted when the client goes away or the stream is told to end. */
  readonly signal: AbortSignal;
  /** Ends the stream with an error event. */
  abort(reason: AppError): void;
  close(): void;
}

/** All streams of this process: bounded in number, ended together when it goes down. */
export interface OpenStreams {
  /** Throws `resource_exhausted` above the limit. */
  open(response: ServerResponse): OpenStream;
  endAll(): void;
}

/** No streams yet. */
export function createOpenStreams(maxStreams: number, metrics: Metrics): OpenStreams {
  const open = new Set<AbortController>();
  metrics.gauge('gateway_open_streams', 'Event streams being sent.', [], (gauge) => gauge.set(open.size));
  return {
    open: (response) => {
      if (open.size >= maxStreams) {
        throw new AppError('resource_exhausted', 'TOO_MANY_STREAMS', 'Too many streams are open.', {
          retryAfterMs: 5_000,
        });
      }
      const controller = new AbortController();
      const gone = () => controller.abort(new AppError('cancelled', 'CLIENT_GONE', 'The caller went away.'));
      open.add(controller);
      response.once('close', gone);
      return {
        signal: controller.signal,
        abort: (reason) => controller.abort(reason),
        close: () => {
          open.delete(controller);
          response.off('close', gone);
        },
      };
    },
    endAll: () => {
      const reason = new AppError('unavailable', 'SHUTTING_DOWN', 'The service is going down.', { retryAfterMs: 500 });
      for (const controller of open) controller.abort(reason);
    },
  };
}
