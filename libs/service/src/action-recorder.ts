import type { MessageInitShape } from '@bufbuild/protobuf';
import { type ActionSchema, ActionService } from '@flotilla/contracts/identity';
import { retryable, toAppError } from '@flotilla/errors';
import { createGrpcClient, type Denial } from '@flotilla/grpc';
import type { Logger, Metrics } from '@flotilla/observability';
import type { Component } from './component.ts';
import { toAction } from './denied-action.ts';

/** Something for the audit log that has no transaction of its own. */
export type RecordedAction = MessageInitShape<typeof ActionSchema>;

/** What {@link createActionRecorder} needs. Times in milliseconds. */
export interface ActionRecorderOptions {
  readonly service: string;
  /** Takes a batch: by default identity's `RecordAction`. Repeating is harmless: actions have ids. */
  readonly send: (actions: RecordedAction[], deadlineMs: number) => Promise<unknown>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Actions kept while identity is away; later ones are counted and dropped. */
  readonly maxBuffered?: number;
  readonly intervalMs?: number;
}

/** Sends actions to the audit log in batches, behind the backs of callers. */
export interface ActionRecorder {
  /** Never blocks and never throws. */
  record(action: RecordedAction): void;
  /** For the `record` option of a gRPC server. */
  recordDenial(denial: Denial): void;
  readonly component: Component;
}

const batchSize = 500;
const retryMs = 1_000;
const strangersPerSecond = 50;

/** Sends by identity's `RecordAction`. */
export function sendToIdentity(identityAddress: string, token: () => Promise<string>): ActionRecorderOptions['send'] {
  const client = createGrpcClient(ActionService, { address: identityAddress, token });
  return (actions, deadlineMs) => client.recordAction({ actions }, { deadlineMs });
}

/** Creates a recorder; it sends once its component is started, and sends the rest when that is stopped. */
export function createActionRecorder(options: ActionRecorderOptions): ActionRecorder {
  const { service, send, log, metrics, maxBuffered = 10_000, intervalMs = 200 } = options;
  const unrecorded = metrics.counter('actions_unrecorded_total', 'Actions that the audit log will not show.', [
    'reason',
  ]);
  const buffer: RecordedAction[] = [];
  // Anybody can be refused as often as they like; what it costs us to remember is bounded.
  const strangers = createAllowance(strangersPerSecond);
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> = Promise.resolve();
  let running = false;

  function schedule(delayMs: number): void {
    if (!running || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      sending = sending.then(() => flush(5_000)); // one batch on its way at a time
    }, delayMs).unref();
  }

  async function flush(deadlineMs: number): Promise<void> {
    while (buffer.length > 0) {
      const batch = buffer.slice(0, batchSize);
      try {
        await send(batch, deadlineMs);
      } catch (failure) {
        const error = toAppError(failure);
        if (retryable(error.code)) {
          schedule(retryMs);
          return;
        }
        unrecorded.inc({ reason: 'refused' }, batch.length);
        log.error({ err: error, actions: batch.length }, 'actions were refused and are not in the audit log');
      }
      buffer.splice(0, batch.length);
    }
  }

  function record(action: RecordedAction): void {
    if (buffer.length >= maxBuffered) {
      unrecorded.inc({ reason: 'overflow' });
      return;
    }
    buffer.push(action);
    schedule(intervalMs);
  }

  return {
    record,
    recordDenial(denial) {
      const stranger = (denial.principal?.actor.type ?? 'anonymous') === 'anonymous';
      if (stranger && !strangers.take()) unrecorded.inc({ reason: 'flood' });
      else record(toAction(denial, service));
    },
    component: {
      name: 'action-recorder',
      phase: 'relay',
      async start() {
        running = true;
        if (buffer.length > 0) schedule(intervalMs);
      },
      async stop(graceMs) {
        running = false;
        clearTimeout(timer);
        await sending;
        await flush(Math.min(graceMs, 2_000));
        if (buffer.length === 0) return;
        unrecorded.inc({ reason: 'shutdown' }, buffer.length);
        log.error({ actions: buffer.length }, 'actions could not be sent and are not in the audit log');
      },
    },
  };
}

/** So many in each second; the rest is told no. */
function createAllowance(perSecond: number): { take(): boolean } {
  let second = 0;
  let taken = 0;
  return {
    take() {
      const now = Math.floor(performance.now() / 1000);
      if (now !== second) taken = 0;
      second = now;
      taken += 1;
      return taken <= perSecond;
    },
  };
}
