import type { Database, ReadCall, ReadTx } from '@flotilla/postgres';
import { findExecution, findExecutionState, type StoredExecution } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type ExecutionNews, listNews } from '../db/update-repository.ts';
import { isFinished } from '../domain/execution.ts';
import { executionNotFound } from '../domain/not-found.ts';
import type { Runs } from './runs.ts';

/** What following needs from outside. Times in milliseconds. */
export interface Following {
  readonly db: Database<Schema>;
  readonly runs: Runs;
  /** How often to look for news of executions that run elsewhere. */
  readonly lookEveryMs: number;
}

/** Beginning and end come with the execution. */
export type FollowedNews =
  | Extract<ExecutionNews, { kind: 'text' | 'restarted' }>
  | { readonly cursor: number; readonly kind: 'started' | 'finished'; readonly execution: StoredExecution };

/** Of at most 16 KiB each: what a reader who takes nothing holds here. */
const batch = 32;

/**
 * The news of an execution after a cursor, whichever process runs it; the last one is `finished`, also where older news
 * is forgotten. Holds no transaction while it waits.
 */
export async function* followExecution(
  { db, runs, lookEveryMs }: Following,
  call: ReadCall & { readonly signal: AbortSignal },
  { id, after }: { id: string; after: number },
): AsyncGenerator<FollowedNews, void, undefined> {
  let cursor = after;
  while (!call.signal.aborted) {
    // Ask to be woken before looking, or news between the two would be missed.
    const change = new AbortController();
    const end = () => change.abort(call.signal.reason);
    call.signal.addEventListener('abort', end, { once: true });
    const woken = runs.nextChange(id, lookEveryMs, change.signal);
    try {
      const { finished, news, lastCursor } = await db.read(call, (tx) => look(tx, id, cursor));
      for (const item of news) {
        yield item;
        cursor = item.cursor;
      }
      if (news.at(-1)?.kind === 'finished') return;
      if (finished && news.length < batch) {
        yield { cursor: lastCursor, kind: 'finished', execution: finished };
        return;
      }
      if (news.length === 0) await woken;
    } finally {
      call.signal.removeEventListener('abort', end);
      change.abort();
    }
  }
  call.signal.throwIfAborted();
}

/** The order matters: what is finished at the first look has all its news at the second and its end at the third. */
async function look(
  tx: ReadTx<Schema>,
  id: string,
  cursor: number,
): Promise<{ news: FollowedNews[]; finished: StoredExecution | undefined; lastCursor: number }> {
  const state = await findExecutionState(tx, id);
  if (state === undefined) throw executionNotFound();
  const news = await listNews(tx, id, { after: cursor, limit: batch });
  const finished = isFinished(state.status);
  const needed = finished || news.some(({ kind }) => kind === 'started' || kind === 'finished');
  const execution = needed ? await findExecution(tx, id) : undefined;
  return {
    news: news.flatMap((item): FollowedNews[] => {
      if (item.kind === 'text' || item.kind === 'restarted') return [item];
      return execution ? [{ ...item, kind: item.kind, execution }] : [];
    }),
    finished: finished ? execution : undefined,
    lastCursor: state.lastCursor,
  };
}
