import type { Pool, PoolClient, QueryConfig, QueryResult } from 'pg';
import { poolExhausted } from './errors.ts';

/** A checked-out connection whose every wait ends with the call's deadline, even when the server is silent. */
export interface Session {
  /** One round trip. Without values the text may hold several statements; each has a result. */
  run(text: string, values?: readonly unknown[]): Promise<readonly QueryResult[]>;
  /** A broken one is thrown away. */
  release(broken: boolean): void;
}

// The server ends a statement at the deadline by itself and says so; this only catches a server that does not.
const silenceMs = 250;

/** @param remainingMs until the deadline; `undefined` leaves the pool's own bounds */
export async function openSession(pool: Pool, remainingMs: number | undefined): Promise<Session> {
  const endsAt = remainingMs === undefined ? undefined : performance.now() + remainingMs;
  const client = await connectBefore(pool, remainingMs);
  return {
    async run(text, values) {
      // @types/pg does not know the time-out of a single query.
      const query: QueryConfig & { query_timeout?: number } = {
        text,
        // No statement names: a prepared statement is state of the session, which a transaction pooler does not keep.
        ...(values && { values: [...values] }),
        ...(endsAt !== undefined && { query_timeout: Math.max(endsAt - performance.now(), 0) + silenceMs }),
      };
      const result = (await client.query(query)) as QueryResult | QueryResult[];
      return Array.isArray(result) ? result : [result];
    },
    release: (broken) => client.release(broken),
  };
}

async function connectBefore(pool: Pool, remainingMs: number | undefined): Promise<PoolClient> {
  const connecting = pool.connect();
  if (remainingMs === undefined) return connecting;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const isFull = pool.totalCount >= pool.options.max && pool.waitingCount > 0;
      reject(new Error(isFull ? poolExhausted : 'Connection terminated before it was made'));
    }, remainingMs);
  });
  try {
    return await Promise.race([connecting, late]);
  } catch (error) {
    connecting.then((client) => client.release()).catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
