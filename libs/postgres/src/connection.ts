import {
  type CompiledQuery,
  type ConnectionProvider,
  type DatabaseConnection,
  DefaultQueryExecutor,
  type KyselyProps,
  PostgresDialect,
  type QueryResult,
} from 'kysely';
import type { Session } from './session.ts';

// Compiles only. Connections come from the transaction wrapper, never from here.
const dialect = new PostgresDialect({
  pool: () => Promise.reject(new Error('Queries run inside of a transaction only.')),
});
const driver = dialect.createDriver();
const adapter = dialect.createAdapter();
const compiler = dialect.createQueryCompiler();

/** A Kysely executor over one checked-out connection; `toError` maps what the server refuses. */
export function propsOver(session: Session, toError: (error: unknown) => Error): KyselyProps {
  const connection = connectionOver(session, toError);
  const provider: ConnectionProvider = { provideConnection: (consumer) => consumer(connection) };
  return { config: { dialect }, dialect, driver, executor: new DefaultQueryExecutor(compiler, adapter, provider) };
}

function connectionOver(session: Session, toError: (error: unknown) => Error): DatabaseConnection {
  return {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      try {
        const result = await session.run({ text: query.sql, values: query.parameters });
        const changes = ['INSERT', 'UPDATE', 'DELETE', 'MERGE'].includes(result.command);
        return {
          rows: result.rows as R[],
          ...(changes && { numAffectedRows: BigInt(result.rowCount ?? 0) }),
        };
      } catch (error) {
        throw toError(error);
      }
    },
    streamQuery() {
      throw new Error('Streaming is not supported: read in pages.');
    },
  };
}
