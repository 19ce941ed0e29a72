import { AppError } from '@flotilla/errors';
import type { Database, ReadCall } from '@flotilla/postgres';
import { findInstance, type Instance } from '../db/instance-repository.ts';
import { readJournal } from '../db/journal-repository.ts';
import type { Schema } from '../db/schema.ts';
import { viewOf } from '../domain/instance.ts';
import type { Recorded } from '../domain/journal.ts';
import { applyEntry, emptyState, type RunState } from '../domain/run-state.ts';
import type { Wakeups } from './wakeups.ts';

/** An entry in its place, and the run as it was after it. */
export interface Update {
  readonly cursor: number;
  readonly entry: Recorded;
  readonly instance: Instance;
}

const PAGE = 200;
const shortestWaitMs = 50;
const longestWaitMs = 1000;

/** The journal of a run after a cursor, until the run has ended. Reads the database only, so any replica can do it. */
export async function* watchInstance(
  { db, wakeups }: { readonly db: Database<Schema>; readonly wakeups: Wakeups },
  call: ReadCall & { readonly signal: AbortSignal },
  wish: { id: string; after: number },
): AsyncIterable<Update> {
  // A stream has no deadline as a whole; each read has the database's.
  const { principal, traceparent } = call;
  let state = emptyState;
  let cursor = 0;
  let waitMs = shortestWaitMs;
  for (;;) {
    const changed = wakeups.next(wish.id);
    const page = await db.read({ principal, traceparent }, async (tx) => ({
      instance: await findInstance(tx, wish.id),
      entries: (await readJournal(tx, wish.id, cursor, PAGE)).entries,
    }));
    if (page.instance === undefined) throw new AppError('not_found', 'INSTANCE_NOT_FOUND', 'There is no such run.');
    for (const entry of page.entries) {
      cursor += 1;
      state = applyEntry(state, entry);
      if (cursor > wish.after) yield { cursor, entry, instance: instanceAfter(page.instance, state) };
    }
    if (state.ended && page.entries.length < PAGE) return; // an end that a retry went on from is none
    call.signal.throwIfAborted();
    waitMs = page.entries.length > 0 ? shortestWaitMs : Math.min(waitMs * 2, longestWaitMs);
    if (page.entries.length < PAGE) await changed.within(waitMs, call.signal);
    else changed.forget();
  }
}

function instanceAfter(instance: Instance, state: RunState): Instance {
  return { ...instance, ...viewOf(state) };
}
