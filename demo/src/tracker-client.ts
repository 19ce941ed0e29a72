import { type ChangeRecord, countLedger, type LedgerCounts, type LedgerEntry } from './tracker/ledger.ts';
import type { Mood } from './tracker/moods.ts';

/** What the demo asks of the tracker beside the workflow: to look, to lock a record, to be slow. */
export interface TrackerClient {
  recordOf(runId: string): Promise<ChangeRecord | undefined>;
  lock(recordId: string): Promise<void>;
  inMood(mood: Mood): Promise<void>;
  calm(): Promise<void>;
  /** The counts of these runs alone; the tracker remembers earlier demos too. */
  countsOf(runIds: ReadonlySet<string>): Promise<LedgerCounts>;
}

interface State {
  readonly records: readonly ChangeRecord[];
  readonly entries: readonly LedgerEntry[];
}

const timeoutMs = 5_000;

export function createTrackerClient(baseUrl: string): TrackerClient {
  const send = async (method: string, path: string, body?: object) => {
    const response = await fetch(new URL(path, baseUrl), {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) throw new Error(`The tracker answered ${response.status} to ${method} ${path}.`);
    return response;
  };
  const state = async () => (await (await send('GET', '/state')).json()) as State;

  return {
    recordOf: async (runId) => (await state()).records.findLast((record) => record.runId === runId),
    async lock(recordId) {
      await send('POST', `/records/${recordId}/lock`, {});
    },
    async inMood(mood) {
      await send('POST', '/moods', mood);
    },
    async calm() {
      await send('DELETE', '/moods');
    },
    async countsOf(runIds) {
      const { records, entries } = await state();
      const ids = new Set(records.filter(({ runId }) => runIds.has(runId)).map(({ id }) => id));
      return countLedger(entries.filter((entry) => 'recordId' in entry && ids.has(entry.recordId)));
    },
  };
}
