import type { JsonObject } from './json.ts';

export type FiringCause = 'schedule' | 'call' | 'event' | 'webhook';
export type FiringStatus = 'pending' | 'started' | 'skipped' | 'failed';

/** Something that is to start a run, accepted once. */
export interface Firing {
  readonly id: string;
  /** The schedule or the trigger. */
  readonly sourceId: string;
  readonly source: 'schedule' | 'trigger';
  readonly workflowId: string;
  /** Of all firings of one source, one has this key. */
  readonly key: string;
  readonly cause: FiringCause;
  readonly status: FiringStatus;
  readonly input: JsonObject;
  readonly nominalAt: Date;
  readonly instanceId: string | undefined;
  readonly errorReason: string | undefined;
  readonly errorMessage: string | undefined;
  readonly attempts: number;
  readonly traceparent: string;
  /** How many events led here. */
  readonly causationDepth: number;
  readonly createdAt: Date;
}

const MAX_ATTEMPTS = 20;
const LONGEST_PAUSE_MS = 300_000;

/** How long to wait before the next try after this many; undefined when it was tried often enough. */
export function pauseAfter(attempts: number): number | undefined {
  return attempts >= MAX_ATTEMPTS ? undefined : Math.min(500 * 2 ** attempts, LONGEST_PAUSE_MS);
}
