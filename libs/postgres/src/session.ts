import type { Pool, PoolClient, QueryResult } from 'pg';
import { Batch, type BatchedStatement, toWire } from './batch.ts';
import { poolExhausted } from './errors.ts';
import { knownStatement } from './statement-names.ts';

/** One statement with its values. */
export interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[];
}

/**
 * A checked-out connection whose every wait ends with the call's deadline, even when the server is silent. Statements
 * are pipelined: they are executed in the order in which they were given, and what is given before an answer is awaited
 * travels together.
 */
export interface Session {
  run(statement: Statement): Promise<QueryResult>;
  /** For a statement whose answer nobody needs. In a transaction its failure fails all that follows, the commit too. */
  send(statement: Statement, toError?: (error: unknown) => unknown): void;
  /** The same where the answer is of use later, or not: nobody has to look at it. */
  ask(statement: Statement, toError?: (error: unknown) => unknown): Promise<QueryResult>;
  /** Whether a statement was given that writes by itself. A function may have written without one. */
  writes(): boolean;
  /** The first failure of what was sent, as far as it is known: certainly when a later answer is. */
  failure(): unknown;
  /** A broken one is thrown away. */
  release(broken: boolean): void;
}

// The server ends a statement at the deadline by itself and says so; this only catches a server that does not.
const silenceMs = 250;

/** @param remainingMs until the deadline; `undefined` leaves the pool's own bounds */
export async function openSession(pool: Pool, remainingMs: number | undefined): Promise<Session> {
  const endsAt = remainingMs === undefined ? undefined : performance.now() + remainingMs;
  const client = await connectBefore(pool, remainingMs);
  let gathered: BatchedStatement[] | undefined;
  let writes = false;
  let failed: { readonly error: unknown } | undefined;

  /** What is given until this turn of the event loop ends goes out in one piece. */
  function gather(statement: BatchedStatement): void {
    gathered?.push(statement);
    if (gathered !== undefined) return;
    gathered = [statement];
    process.nextTick(() => {
      const statements = gathered ?? [];
      gathered = undefined;
      const timeoutMs = endsAt === undefined ? undefined : Math.max(endsAt - performance.now(), 0) + silenceMs;
      client.query(new Batch(statements, timeoutMs));
    });
  }

  function give({ text, values }: Statement, wantsRows: boolean): Promise<QueryResult> {
    const known = knownStatement(text);
    writes ||= known.writes;
    const { promise, resolve, reject } = Promise.withResolvers<QueryResult>();
    gather({ text, name: known.name, values: toWire(values), wantsRows, resolve, reject });
    return promise;
  }

  const run = (statement: Statement) => give(statement, true);

  function watch(answer: Promise<QueryResult>, toError = (error: unknown) => error): Promise<QueryResult> {
    answer.catch((error: unknown) => {
      failed ??= { error: toError(error) };
    });
    return answer;
  }

  return {
    run,
    send: (statement, toError) => void watch(give(statement, false), toError),
    ask: (statement, toError) => watch(give(statement, true), toError),
    writes: () => writes,
    failure: () => failed?.error,
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
