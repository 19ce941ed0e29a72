import { allOf, type Database, type Tx } from '@flotilla/postgres';
import { driverScope } from '../commands/perform.ts';
import type { Schema } from '../db/schema.ts';
import type { FairQueue } from './fair-queue.ts';

/** A piece of work in a transaction. It may be done again, so it does nothing but SQL. */
interface Piece {
  readonly work: (tx: Tx<Schema>) => Promise<unknown>;
  readonly done: PromiseWithResolvers<unknown>;
}

/** Writes what waits of one tenant in one transaction. */
export interface WriteTogether {
  write<T>(tenantId: string, work: (tx: Tx<Schema>) => Promise<T>): Promise<T>;
}

/** Pieces in one transaction. */
const MOST_TOGETHER = 16;

/**
 * While nothing waits, each piece has a transaction of its own. Under load those that wait share one, and its commit. Where
 * that fails, each has its own again, so that only what is wrong fails. Pieces must not lock rows that others may lock first:
 * each writes one run that nobody else may write.
 */
export function createWriteTogether({
  db,
  queue,
}: {
  readonly db: Database<Schema>;
  readonly queue: FairQueue;
}): WriteTogether {
  const waiting = new Map<string, Piece[]>();

  async function flush(tenantId: string): Promise<void> {
    const pieces = waiting.get(tenantId)?.splice(0, MOST_TOGETHER) ?? [];
    if (waiting.get(tenantId)?.length === 0) waiting.delete(tenantId);
    if (pieces.length > 1 && (await wrote(tenantId, pieces))) return;
    for (const piece of pieces) {
      await db.inTenant(driverScope(tenantId), piece.work).then(piece.done.resolve, piece.done.reject);
    }
  }

  async function wrote(tenantId: string, pieces: readonly Piece[]): Promise<boolean> {
    try {
      // Side by side: what they ask and what they write goes out together.
      const results = await db.inTenant(driverScope(tenantId), (tx) => allOf(pieces.map(({ work }) => work(tx))));
      for (const [index, { done }] of pieces.entries()) done.resolve(results[index]);
      return true;
    } catch {
      return false;
    }
  }

  return {
    async write<T>(tenantId: string, work: (tx: Tx<Schema>) => Promise<T>) {
      const done = Promise.withResolvers<unknown>();
      const pieces = waiting.get(tenantId) ?? [];
      pieces.push({ work, done });
      waiting.set(tenantId, pieces);
      // Another piece's turn may come first, and take this one along.
      void queue.run(tenantId, () => flush(tenantId)).catch(done.reject);
      return (await done.promise) as T;
    },
  };
}
