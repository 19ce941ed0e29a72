import { AppError } from '@flotilla/errors';
import type { Logger, Metrics } from '@flotilla/observability';
import pg from 'pg';
import type { Conflicts } from './errors.ts';
import { toDatabaseError } from './errors.ts';
import { noTenant, type ReadCall, scopeOf, type TransactionScope, type WriteCall } from './scope.ts';
import { createTransactions } from './transactions.ts';
import type { ReadTx, Tx } from './tx.ts';
import { typeParsers } from './types.ts';

/** What a database is opened with. */
export interface DatabaseOptions {
  /** `postgres://role:password@host:port/database` */
  readonly url: string;
  readonly maxConnections: number;
  /** Shown by the server beside each connection. */
  readonly applicationName: string;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  /** Called after each commit that wrote something: wakes the relay. */
  readonly onCommit?: (() => void) | undefined;
  /** What violated constraints mean; others are answered in general words. */
  readonly conflicts?: Conflicts | undefined;
  /** Bound of a single statement. A call's deadline shortens it. */
  readonly statementTimeoutMs?: number | undefined;
  readonly now?: (() => Date) | undefined;
}

/** A service's own database. Every access is one short transaction that knows its tenant. */
export interface Database<S> {
  /**
   * One transaction for a command: tenant, user, actor and trace are set first. When the call has an idempotency key,
   * the same key and request answer the kept reply with one effect. `body` runs again (up to four times in all) when
   * the database chose it as the victim of a conflict: it must not do anything but SQL.
   *
   * @throws AppError `invalid_argument IDEMPOTENCY_KEY_REUSED`, `aborted`, `unavailable`, `deadline_exceeded`, …
   * @example
   * db.write(call, async (tx) => toLoanMessage(await lendBook(lending, tx, call.principal.tenantId, request)))
   */
  write<T>(call: WriteCall, body: (tx: Tx<S>) => Promise<T>): Promise<T>;
  /**
   * What an earlier call with the same idempotency key and request was answered; undefined where there was none, or the call has
   * no key. Claims nothing: for what is too slow, or better not done again, before `write`.
   *
   * @throws AppError `invalid_argument IDEMPOTENCY_KEY_REUSED`, `unavailable`, `deadline_exceeded`, …
   */
  replied<T>(call: WriteCall): Promise<T | undefined>;
  /** One read-only transaction. */
  read<T>(call: ReadCall, body: (tx: ReadTx<S>) => Promise<T>): Promise<T>;
  /** For consumers, sweeps and workers, which have no call; and for the second transaction of a call (`scopeOf`). */
  inTenant<T>(scope: TransactionScope, body: (tx: Tx<S>) => Promise<T>): Promise<T>;
  /** For look-ups by definer functions before the tenant is known. Sees no tenant's rows. */
  withoutTenant<T>(body: (tx: Tx<S>) => Promise<T>): Promise<T>;
  /** Fails when the database does not answer within two seconds. */
  ping(): Promise<void>;
  /** Waits for running transactions. */
  close(): Promise<void>;
}

/** Opens a service's database. Connects when first used. */
export function createDatabase<S>(options: DatabaseOptions): Database<S> {
  const { log, conflicts = {}, onCommit, now = () => new Date() } = options;
  const statementTimeoutMs = options.statementTimeoutMs ?? 15_000;
  const pool = createPool(options, statementTimeoutMs);
  const transactions = createTransactions<S>({ pool, conflicts, statementTimeoutMs, now, onCommit, log });
  let closing: Promise<void> | undefined;

  return {
    write: (call, body) =>
      transactions.writing(scopeOf(call), { deadline: call.deadline, idempotency: call.idempotency }, body),
    replied: async <T>(call: WriteCall) => (await transactions.replied(scopeOf(call), call)) as T | undefined,
    read: (call, body) => transactions.reading(scopeOf(call), call.deadline, body),
    async inTenant(scope, body) {
      if (scope.tenantId === '') throw new AppError('internal', 'TENANT_MISSING', 'Something went wrong on our side.');
      return transactions.writing(scope, {}, body);
    },
    withoutTenant: (body) => transactions.writing(noTenant, {}, body),
    async ping() {
      try {
        // @types/pg does not know the time-out of a single query.
        await pool.query({ text: 'select 1', query_timeout: 2_000 } as pg.QueryConfig);
      } catch (error) {
        throw toDatabaseError(error, conflicts);
      }
    },
    close() {
      closing ??= pool.end();
      return closing;
    },
  };
}

function createPool(options: DatabaseOptions, statementTimeoutMs: number): pg.Pool {
  const { url, maxConnections, applicationName, log, metrics } = options;
  const poolOptions: pg.PoolConfig & { pipeline: boolean } = {
    // Statements that do not wait for each other's answers share a round trip; see session.ts.
    pipeline: true,
    connectionString: url,
    max: maxConnections,
    application_name: applicationName,
    types: typeParsers,
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    // Only for a server that does not answer at all: it ends statements itself before this. Unlike pg's
    // statement_timeout it is no start-up parameter, which a pooler would refuse.
    query_timeout: statementTimeoutMs + 2_000,
  };
  const pool = new pg.Pool(poolOptions);
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection broke'));
  // The same while a transaction holds it, between two statements: the next statement fails, and that is enough.
  pool.on('connect', (client) => client.on('error', () => {}));
  metrics?.gauge(
    'database_pool_connections',
    'Connections of the pool by state.',
    ['state'],
    (gauge: { set(labels: { state: string }, value: number): void }) => {
      gauge.set({ state: 'idle' }, pool.idleCount);
      gauge.set({ state: 'busy' }, pool.totalCount - pool.idleCount);
      gauge.set({ state: 'waiting' }, pool.waitingCount);
    },
  );
  return pool;
}
