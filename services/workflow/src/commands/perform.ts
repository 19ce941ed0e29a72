import { AppError, retryable, toAppError } from '@flotilla/errors';
import { abortAfter, withCausation } from '@flotilla/grpc';
import { withTraceparent } from '@flotilla/observability';
import type { Database, TransactionScope } from '@flotilla/postgres';
import type { Instance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import { MAX_STEP_BYTES } from '../domain/enter.ts';
import { type JsonObject, sizeOf } from '../domain/json.ts';
import type { RetryPolicy } from '../domain/step-kind.ts';
import type { Meters } from '../metrics.ts';
import type { Attempt } from '../steps/performer.ts';
import type { Moving } from './advance.ts';

/** What performing steps and undos needs from outside. */
export interface Performing extends Moving {
  readonly db: Database<Schema>;
  /** The principal of whoever started the run, as they are now. */
  readonly tokenForGrant: (grantId: string) => Promise<string>;
  /** This service's own principal on a tenant's data. */
  readonly ownToken: (tenantId: string) => Promise<string>;
  readonly quickUndoAttempts: number;
  readonly meters: Meters;
}

/** Something that a driver was told to do, and the attempt at it. */
export interface Assignment {
  readonly tenantId: string;
  readonly instanceId: string;
  readonly epoch: number;
  readonly path: string;
  readonly stepId: string;
  readonly visit: number;
  /** Grows with each attempt: an older one that wakes up late may not write any more. */
  readonly claim: number;
  readonly timeoutMs: number;
}

/** How a driver tells what becomes of the attempt. */
export interface Control {
  /** Aborted when the run is cancelled, and also when the attempt is none any more: the process goes down, or another one has it. */
  readonly signal: AbortSignal;
  /** Whether it is the run that was cancelled. */
  wasCancelled(): boolean;
}

/** A driver writes as the service; whom the run acts for is said by the principal of its calls. */
export function driverScope(tenantId: string, traceparent?: string): TransactionScope {
  return { tenantId, actor: { type: 'service', id: 'workflow' }, traceparent };
}

/** Runs one call with its time limit and inside the run's trace. */
export function attemptWithin<T>(
  place: {
    readonly traceparent: string;
    readonly causationDepth: number;
    readonly spanName: string;
    readonly timeoutMs: number;
    readonly cancel: AbortSignal;
  },
  work: (limits: Pick<Attempt, 'signal' | 'timeoutMs'>) => Promise<T>,
): Promise<T> {
  const tooLate = () => new AppError('deadline_exceeded', 'STEP_TIMED_OUT', 'The step took longer than it may.');
  const limit = abortAfter(place.cancel, place.timeoutMs, tooLate);
  return withTraceparent(place.traceparent, place.spanName, () =>
    withCausation(place.causationDepth, () => work({ signal: limit.signal, timeoutMs: place.timeoutMs })),
  ).finally(limit.clear);
}

/** One visit of a step that asks the outside. */
export interface Question {
  readonly tenantId: string;
  readonly instance: Pick<Instance, 'id' | 'grantId' | 'traceparent' | 'causationDepth'>;
  readonly stepKind: string;
  readonly request: JsonObject;
  readonly effectKey: string;
  readonly timeoutMs: number;
}

/** Asks once, with no transaction open, and answers the facts that the step leaves. */
export async function ask(performing: Performing, question: Question, cancel: AbortSignal): Promise<JsonObject> {
  const { instance, stepKind, tenantId, request, effectKey, timeoutMs } = question;
  const performer = performing.performers.get(stepKind);
  if (performer?.perform === undefined) throw new Error(`Nobody performs steps of kind ${stepKind}.`);
  const perform = performer.perform.bind(performer);
  const { traceparent, causationDepth } = instance;
  const place = { traceparent, causationDepth, spanName: `step ${stepKind}`, timeoutMs, cancel };
  const facts = await attemptWithin(place, async (limits) => {
    const token = await tokenFor(performing, instance.grantId);
    return perform({ ...limits, instanceId: instance.id, tenantId, token, request, effectKey });
  });
  // The journal is read as a whole for every move of the run.
  if (sizeOf(facts) <= MAX_STEP_BYTES) return facts;
  throw new AppError(
    'failed_precondition',
    'STEP_OUTPUT_TOO_LARGE',
    `A step may leave at most ${MAX_STEP_BYTES} bytes.`,
  );
}

/** Whether a failed attempt at a step is followed by another one, as long as there are some left. */
export function isTriedAgain({ on, except = [] }: RetryPolicy, { code, reason }: AppError): boolean {
  return (on?.includes(reason) ?? retryable(code)) && !except.includes(reason);
}

/** The grant's owner may be gone, locked, or may have lost the right: then nobody may go on with the run. */
export async function tokenFor(performing: Performing, grantId: string): Promise<string> {
  try {
    return await performing.tokenForGrant(grantId);
  } catch (failure) {
    const error = toAppError(failure);
    if (retryable(error.code)) throw error;
    throw new AppError('permission_denied', 'GRANT_REVOKED', 'Whoever started the run may not act any more.', {
      cause: error,
    });
  }
}
