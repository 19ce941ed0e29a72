/** A line of the target's own log, which it alone writes. */
export type TargetEntry =
  | { readonly kind: 'opened'; readonly key: string; readonly runId: string; readonly title: string }
  | { readonly kind: 'undone'; readonly key: string; readonly undid: string };

/** A request that the target answered late, or applied late. */
export interface Treated {
  readonly kind: 'treated';
  readonly as: 'refuse' | 'hold' | 'late';
  readonly on: 'open' | 'publish' | 'undo';
  readonly runId: string;
}

/** What the target wrote down. */
export interface TargetLog {
  readonly effects: readonly TargetEntry[];
  readonly treated: readonly Treated[];
}

export async function readTarget(trackerUrl: string): Promise<TargetLog> {
  const response = await fetch(`${trackerUrl}/state`, { signal: AbortSignal.timeout(10_000) });
  const { entries } = (await response.json()) as { entries: (TargetEntry | Treated)[] };
  return {
    effects: entries.filter((entry) => entry.kind === 'opened' || entry.kind === 'undone'),
    treated: entries.filter((entry) => entry.kind === 'treated'),
  };
}
