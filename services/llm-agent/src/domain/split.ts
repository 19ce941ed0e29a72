import { createHash } from 'node:crypto';
import { AppError } from '@flotilla/errors';

/** A version that takes part, and its part of the executions: its weight of all weights. */
export interface SplitArm {
  readonly version: number;
  readonly weight: number;
}

/** Versions that run side by side. */
export interface AgentSplit {
  readonly id: string;
  readonly arms: readonly SplitArm[];
}

/** The split after the change: none without arms; the same one while its versions are the same. */
export function changeSplit(
  split: AgentSplit | undefined,
  arms: readonly SplitArm[],
  newId: () => string,
): AgentSplit | undefined {
  const versions = arms.map(({ version }) => version).sort((a, b) => a - b);
  if (new Set(versions).size < versions.length) {
    throw new AppError('invalid_argument', 'SPLIT_INVALID', 'A version is an arm of a split once.');
  }
  if (arms.length === 0) return undefined;
  const before = split?.arms.map(({ version }) => version).sort((a, b) => a - b);
  const id = split !== undefined && before?.join() === versions.join() ? split.id : newId();
  return { id, arms: arms.map(({ version, weight }) => ({ version, weight })) };
}

/**
 * The version that a key runs: weighted rendezvous hashing. Nothing is kept, the same key gets the same version, and a
 * change of weights moves only keys that leave an arm that shrank or come to one that grew.
 */
export function versionOf({ id, arms }: AgentSplit, key: string): number {
  let chosen = { version: 0, score: -1 };
  for (const { version, weight } of arms) {
    const digest = createHash('sha256').update(`${id}\0${version}\0${key}`).digest();
    // 48 bits, never 0 and never 1.
    const uniform = (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
    const score = -weight / Math.log(uniform);
    if (score > chosen.score) chosen = { version, score };
  }
  return chosen.version;
}
