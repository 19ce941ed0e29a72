import { randomUUID } from 'node:crypto';
import { type ChangeRecord, type Ledger, type LedgerEntry, recordsOf } from './ledger.ts';

/** What the tracker answers. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Applies changes. Every method is synchronous up to the log on disk, so two requests never interleave. */
export interface Tracker {
  open(key: string, wish: { runId: string; title: string }): Answer;
  publish(key: string, recordId: string, wish: { label: string }): Answer;
  /** Takes back what the key did, if anything, and refuses the key from then on. */
  undo(key: string): Answer;
  lock(recordId: string, locked: boolean): Answer;
  record(recordId: string): ChangeRecord | undefined;
  /** The run to whose record a key was applied. */
  runOfKey(key: string): string | undefined;
}

export function createTracker(ledger: Ledger): Tracker {
  const record = (id: string) => recordsOf(ledger.entries).get(id);
  const appliedBy = (key: string) =>
    key === ''
      ? undefined
      : ledger.entries.find(
          (entry): entry is Extract<LedgerEntry, { kind: 'opened' | 'published' }> =>
            (entry.kind === 'opened' || entry.kind === 'published') && entry.key === key,
        );
  const isUndone = (key: string) =>
    key !== '' && ledger.entries.some((entry) => entry.kind === 'undone' && entry.key === key);
  const shown = (status: number, id: string): Answer => ({ status, body: record(id) });

  /** The answer to a key that was seen before: the same as then, or a refusal after its undo. */
  function seenBefore(key: string): Answer | undefined {
    if (isUndone(key)) return refusal(409, 'KEY_UNDONE', 'This key was undone; nothing can be done under it any more.');
    const applied = appliedBy(key);
    return applied && shown(200, applied.recordId);
  }

  return {
    record,
    runOfKey: (key) => record(appliedBy(key)?.recordId ?? '')?.runId,
    open(key, { runId, title }) {
      const before = seenBefore(key);
      if (before !== undefined) return before;
      const recordId = randomUUID();
      ledger.append({ kind: 'opened', key, recordId, runId, title });
      return shown(201, recordId);
    },
    publish(key, recordId, { label }) {
      const before = seenBefore(key);
      if (before !== undefined) return before;
      const found = record(recordId);
      if (found === undefined) return refusal(404, 'RECORD_NOT_FOUND', 'There is no such record.');
      if (found.locked) return refusal(409, 'RECORD_LOCKED', 'Somebody has locked the record.');
      if (found.state === 'withdrawn') return refusal(409, 'RECORD_WITHDRAWN', 'The record was withdrawn.');
      ledger.append({ kind: 'published', key, recordId, label });
      return shown(200, recordId);
    },
    undo(key) {
      const applied = appliedBy(key);
      if (!isUndone(key)) {
        ledger.append({ kind: 'undone', key, undid: applied?.kind ?? 'nothing', recordId: applied?.recordId ?? '' });
      }
      return { status: 200, body: { undid: applied?.kind ?? 'nothing' } };
    },
    lock(recordId, locked) {
      if (record(recordId) === undefined) return refusal(404, 'RECORD_NOT_FOUND', 'There is no such record.');
      ledger.append({ kind: locked ? 'locked' : 'unlocked', recordId });
      return shown(200, recordId);
    },
  };
}

function refusal(status: number, reason: string, detail: string): Answer {
  return { status, body: { status, reason, detail } };
}
