import { type ReadTx, sql } from '@flotilla/postgres';
import type { JournalEntry, Recorded } from '../domain/journal.ts';
import { unpackEntries } from './payload-repository.ts';
import type { Schema } from './schema.ts';

/** A page of a run's journal, and how much text it is. */
export interface JournalPage {
  readonly entries: readonly Recorded[];
  readonly bytes: number;
}

/** The entries of a run after a place in its journal, oldest first; at most `limit`. Uses the primary key. */
export async function readJournal(
  tx: ReadTx<Schema>,
  instanceId: string,
  after: number,
  limit = 1000,
): Promise<JournalPage> {
  const rows = await tx
    .selectFrom('workflow_journal')
    .select(['seq', 'occurred_at', sql<string>`entry::text`.as('text')])
    .where('instance_id', '=', instanceId)
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(limit)
    .execute();
  const read = rows.map(({ seq, text, occurred_at }) => ({
    seq,
    entry: { ...placed(JSON.parse(text)), occurredAt: occurred_at.toISOString() },
  }));
  const large = await unpackEntries(tx, instanceId, read);
  return { entries: read.map(({ entry }) => entry), bytes: rows.reduce((sum, { text }) => sum + text.length, large) };
}

/** Before there were paths, all steps stood at the root, where the path is the step's id. */
function placed(entry: unknown): JournalEntry {
  const { stepId } = entry as { stepId?: string };
  return (stepId === undefined ? entry : { path: stepId, ...(entry as object) }) as JournalEntry;
}

/** The wish that the run shall end, since it was last retried. */
export async function lastCancel(
  tx: ReadTx<Schema>,
  instanceId: string,
): Promise<Extract<JournalEntry, { kind: 'cancel_requested' }> | undefined> {
  const row = await tx
    .selectFrom('workflow_journal')
    .select('entry')
    .where('instance_id', '=', instanceId)
    .where('kind', 'in', ['cancel_requested', 'instance_retried'])
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  const entry = row?.entry as unknown as JournalEntry | undefined;
  return entry?.kind === 'cancel_requested' ? entry : undefined;
}
