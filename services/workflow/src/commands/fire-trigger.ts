import { AppError, toAppError } from '@flotilla/errors';
import { maxCausationDepth } from '@flotilla/events';
import { newTraceparent } from '@flotilla/observability';
import type { Tx } from '@flotilla/postgres';
import { countInTrace, findFiring, findFiringByKey, insertFiring, settleFiring } from '../db/firing-repository.ts';
import type { Schema } from '../db/schema.ts';
import { countFiring } from '../db/trigger-repository.ts';
import type { Firing, FiringCause } from '../domain/firing.ts';
import type { JsonObject, JsonValue } from '../domain/json.ts';
import { inputFrom, type Trigger } from '../domain/trigger.ts';
import { announceFiring } from './announce-firing.ts';
import type { Editing } from './create-workflow.ts';

/** How often a trigger goes off within one trace: a chain of events that comes back to it through other services ends here. */
const MAX_IN_TRACE = 100;

/** Something that a trigger listens to. */
export interface Happening {
  /** Of the same one, there is one firing. */
  readonly key: string;
  readonly cause: FiringCause;
  readonly value: JsonValue;
  readonly at: Date;
  readonly traceparent: string | undefined;
  /** How many events led to it, itself among them. */
  readonly causationDepth: number;
}

/**
 * Accepts a firing of an enabled trigger, once for each happening; undefined where the filter says no. What cannot start
 * a run whatever is tried is accepted too, as failed, so that it is seen.
 */
export async function fireTrigger(
  { newId }: Pick<Editing, 'newId'>,
  tx: Tx<Schema>,
  trigger: Trigger,
  happening: Happening,
): Promise<Firing | undefined> {
  const { input, refusal } = read(trigger, happening);
  if (input === undefined && refusal === undefined) return undefined;
  const id = newId();
  const traceparent = happening.traceparent ?? newTraceparent();
  const accepted = await insertFiring(tx, {
    id,
    source: 'trigger',
    sourceId: trigger.id,
    workflowId: trigger.workflowId,
    key: happening.key,
    cause: happening.cause,
    input: input ?? {},
    nominalAt: happening.at,
    traceparent,
    causationDepth: happening.causationDepth,
  });
  if (!accepted) return findFiringByKey(tx, trigger.id, happening.key);
  const error = refusal ?? (await loopOf(tx, trigger, traceparent, happening));
  if (error === undefined) return findFiring(tx, id);
  const { reason, message } = error;
  const firing = await settleFiring(tx, id, { status: 'failed', error: { reason, message } });
  await countFiring(tx, trigger.id, reason);
  // At the greatest depth nothing is announced any more.
  if (happening.causationDepth <= maxCausationDepth) await announceFiring(tx, firing);
  return firing;
}

function read(trigger: Trigger, { cause, value }: Happening): { input?: JsonObject | undefined; refusal?: AppError } {
  if (cause === 'call') return { input: value as JsonObject };
  try {
    return { input: inputFrom(trigger, value) };
  } catch (failure) {
    return { refusal: toAppError(failure) };
  }
}

async function loopOf(
  tx: Tx<Schema>,
  { id }: Trigger,
  traceparent: string,
  { cause, causationDepth }: Happening,
): Promise<AppError | undefined> {
  const deep = causationDepth > maxCausationDepth;
  if (!deep && (cause !== 'event' || (await countInTrace(tx, id, traceparent)) <= MAX_IN_TRACE)) return undefined;
  return new AppError('failed_precondition', 'CAUSATION_TOO_DEEP', 'Events caused events too many times.');
}
