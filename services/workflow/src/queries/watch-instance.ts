import { AppError } from '@flotilla/errors';
import type { Database, ReadCall } from '@flotilla/postgres';
import type { Following, News } from '../commands/news.ts';
import { findInstance, type Instance } from '../db/instance-repository.ts';
import { readJournal } from '../db/journal-repository.ts';
import type { Schema } from '../db/schema.ts';
import { viewOf } from '../domain/instance.ts';
import type { Recorded } from '../domain/journal.ts';
import { applyEntry, emptyState } from '../domain/run-state.ts';

/** An entry in its place, and the run as it was after it. */
export interface Update {
  readonly cursor: number;
  readonly entry: Recorded;
  readonly instance: Instance;
}

const PAGE = 200;
const shortestWaitMs = 50;
const longestWaitMs = 1000;

/** The journal of a run after a cursor, until the run has ended. It is read from the database, so any replica can do it. */
export async function* watchInstance(
  { db, news }: { readonly db: Database<Schema>; readonly news: News },
  call: ReadCall & { readonly signal: AbortSignal },
  { id, after }: { id: string; after: number },
): AsyncIterable<Update> {
  const following = news.follow(id);
  try {
    yield* updates(db, following, call, { id, after });
  } finally {
    following.end();
  }
}

async function* updates(
  db: Database<Schema>,
  following: Following,
  { principal, traceparent, signal }: ReadCall & { readonly signal: AbortSignal },
  { id, after }: { id: string; after: number },
): AsyncIterable<Update> {
  let state = emptyState;
  let cursor = 0;
  let waitMs = shortestWaitMs;

  function* told(instance: Instance, entries: readonly Recorded[]): Iterable<Update> {
    for (const entry of entries) {
      cursor += 1;
      state = applyEntry(state, entry);
      if (cursor > after) yield { cursor, entry, instance: { ...instance, ...viewOf(state) } };
    }
  }

  for (;;) {
    // A stream has no deadline as a whole; each read has the database's.
    const [instance, { entries }] = await db.read({ principal, traceparent }, (tx) =>
      Promise.all([findInstance(tx, id), readJournal(tx, id, cursor, PAGE)]),
    );
    if (instance === undefined) throw new AppError('not_found', 'INSTANCE_NOT_FOUND', 'There is no such run.');
    yield* told(instance, entries);
    if (entries.length === PAGE) continue;
    if (state.ended) return; // an end that a retry went on from is none
    waitMs = entries.length > 0 ? shortestWaitMs : Math.min(waitMs * 2, longestWaitMs);
    // What this process writes need not be read.
    for (let fits = true; fits; ) {
      signal.throwIfAborted();
      const written = await following.next(waitMs, signal);
      fits = written.length > 0;
      for (const part of written) {
        fits &&= part.behind <= cursor;
        if (fits) yield* told(part.instance, part.entries.slice(cursor - part.behind));
      }
      if (fits && state.ended) return;
    }
  }
}
