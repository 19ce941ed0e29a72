import type { DescMethod } from '@bufbuild/protobuf';
import type { AppError } from '@flotilla/errors';
import type { Logger, Metrics } from '@flotilla/observability';
import type { Principal } from '@flotilla/secrets';

/** A call that was refused because of who called. */
export interface Denial {
  readonly method: DescMethod;
  /** None where the caller could not be told apart from anyone. */
  readonly principal: Principal | undefined;
  readonly error: AppError;
  readonly traceparent: string;
  readonly occurredAt: Date;
  /** The address of the other end of the connection. */
  readonly peer: string;
}

/** Says once, at the edge, how a call ended. */
export interface OutcomeReporter {
  ended(call: {
    readonly method: DescMethod;
    readonly name: string;
    readonly principal: Principal | undefined;
    readonly traceparent: string;
    readonly peer: string;
    readonly startedAt: number;
    readonly error: AppError | undefined;
  }): void;
}

/** Measures every call, logs what went wrong and hands denials on. */
export function createOutcomeReporter(
  log: Logger,
  metrics: Metrics,
  record: ((denial: Denial) => void) | undefined,
): OutcomeReporter {
  const durations = metrics.histogram('grpc_server_duration_seconds', 'Duration of answered calls.', [
    'method',
    'code',
  ]);
  return {
    ended({ method, name, principal, traceparent, peer, startedAt, error }) {
      const durationMs = performance.now() - startedAt;
      const code = error?.code ?? 'ok';
      durations.observe({ method: name, code }, durationMs / 1000);
      const line = { method: name, code, durationMs: Math.round(durationMs), tenantId: principal?.tenantId };
      if (error === undefined) log.debug(line, 'call answered');
      else if (code === 'internal') log.error({ ...line, err: error }, 'call failed');
      else if (code === 'unavailable' || code === 'deadline_exceeded') log.warn({ ...line, err: error }, 'call failed');
      else log.info({ ...line, reason: error.reason }, 'call refused');
      if (error !== undefined && (code === 'unauthenticated' || code === 'permission_denied')) {
        record?.({ method, principal, error, traceparent, occurredAt: new Date(), peer });
      }
    },
  };
}
