import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Mood } from './moods.ts';

/** What happened at the tracker, in order; the file is the only state. */
export type LedgerEntry =
  | {
      readonly kind: 'opened';
      readonly key: string;
      readonly recordId: string;
      readonly runId: string;
      readonly title: string;
    }
  | { readonly kind: 'published'; readonly key: string; readonly recordId: string; readonly label: string }
  /** `undid` is what the key had done: nothing, where it was never applied. */
  | {
      readonly kind: 'undone';
      readonly key: string;
      readonly undid: 'opened' | 'published' | 'nothing';
      readonly recordId: string;
    }
  | { readonly kind: 'locked' | 'unlocked'; readonly recordId: string }
  /** A request of the run met this mood. */
  | { readonly kind: 'treated'; readonly as: Mood['action']; readonly on: Mood['on']; readonly runId: string };

export interface ChangeRecord {
  readonly id: string;
  readonly runId: string;
  readonly title: string;
  readonly state: 'open' | 'published' | 'withdrawn';
  readonly label: string;
  readonly locked: boolean;
}

/** Counted from the log alone, not by the code that applies. */
export interface LedgerCounts {
  readonly opened: number;
  readonly published: number;
  readonly withdrawn: number;
  /** The same change of the same run applied once more while it stood, under whatever key. */
  readonly duplicates: number;
  /** Changes applied under a key after its undo. */
  readonly orphans: number;
}

/** The log on disk: an entry that was appended survives a crash. */
export interface Ledger {
  readonly entries: readonly LedgerEntry[];
  append(entry: LedgerEntry): void;
  close(): void;
}

/** Opens the log in `folder`; a last line that a crash cut off is dropped. */
export function openLedger(folder: string): Ledger {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'ledger.jsonl');
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  const entries = whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as LedgerEntry]));
  const file = openSync(path, 'a');
  return {
    entries,
    append(entry) {
      writeSync(file, `${JSON.stringify(entry)}\n`);
      fsyncSync(file);
      entries.push(entry);
    },
    close: () => closeSync(file),
  };
}

/** The records as the log leaves them. */
export function recordsOf(entries: readonly LedgerEntry[]): ReadonlyMap<string, ChangeRecord> {
  const records = new Map<string, ChangeRecord>();
  const change = (id: string, part: Partial<ChangeRecord>) => {
    const record = records.get(id);
    if (record !== undefined) records.set(id, { ...record, ...part });
  };
  for (const entry of entries) {
    switch (entry.kind) {
      case 'opened': {
        const { recordId: id, runId, title } = entry;
        records.set(id, { id, runId, title, state: 'open', label: '', locked: false });
        break;
      }
      case 'published':
        change(entry.recordId, { state: 'published', label: entry.label });
        break;
      case 'undone':
        if (entry.undid === 'opened') change(entry.recordId, { state: 'withdrawn' });
        if (entry.undid === 'published') change(entry.recordId, { state: 'open', label: '' });
        break;
      case 'locked':
      case 'unlocked':
        change(entry.recordId, { locked: entry.kind === 'locked' });
        break;
      case 'treated':
    }
  }
  return records;
}

/** Counts what the log tells. */
export function countLedger(entries: readonly LedgerEntry[]): LedgerCounts {
  const counts = { opened: 0, published: 0, withdrawn: 0, duplicates: 0, orphans: 0 };
  const applied = new Set<string>();
  const opening = new Map<string, string>();
  const undone = new Set<string>();
  for (const entry of entries) {
    if (!('key' in entry)) continue;
    if (entry.kind === 'undone') {
      undone.add(entry.key);
      if (entry.undid === 'opened') {
        counts.withdrawn += 1;
        applied.delete(opening.get(entry.recordId) ?? '');
      }
      if (entry.undid === 'published') applied.delete(`published ${entry.recordId}`);
      continue;
    }
    counts[entry.kind] += 1;
    if (undone.has(entry.key)) counts.orphans += 1;
    const change = entry.kind === 'opened' ? `opened ${entry.runId} ${entry.title}` : `published ${entry.recordId}`;
    if (applied.has(change)) counts.duplicates += 1;
    applied.add(change);
    if (entry.kind === 'opened') opening.set(entry.recordId, change);
  }
  return counts;
}
