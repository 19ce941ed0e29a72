import { AppError } from '@flotilla/errors';
import pg from 'pg';

/** A table whose changes are captured; `columns` by allow-list. */
export interface CapturedColumns {
  readonly domain: string;
  readonly table: string;
  readonly columns: readonly string[];
}

const bookkeeping = ['id', 'tenant_id', 'revision', 'deleted_at'];

/**
 * Brings the capture triggers in line with the contract. Touches only those that differ, so a start of the same
 * version takes no lock.
 */
export async function applyCapture(client: pg.Client, capture: readonly CapturedColumns[]): Promise<void> {
  const wanted = new Map<string, readonly string[]>();
  for (const { domain, table, columns } of capture) {
    const existing = await columnsOf(client, table);
    if (existing.length === 0) {
      throw new AppError(
        'failed_precondition',
        'CAPTURED_TABLE_MISSING',
        `The contract captures ${table}, which no migration makes.`,
      );
    }
    const captured = [...new Set([...bookkeeping, ...columns])].filter((column) => existing.includes(column)).sort();
    wanted.set(table, [`flotilla.${domain}.changes.v1`, ...captured]);
  }
  const present = await presentTriggers(client);
  const statements = [
    ...[...present.keys()].filter((table) => !wanted.has(table)).flatMap(dropStatements),
    ...[...wanted]
      .filter(([table, args]) => present.get(table)?.join('\0') !== args.join('\0'))
      .flatMap(([table, args]) => [...dropStatements(table), ...createStatements(table, args)]),
  ];
  if (statements.length > 0) await client.query(`begin; ${statements.join('; ')}; commit`);
}

function dropStatements(table: string): readonly string[] {
  const name = pg.escapeIdentifier(table);
  return [`drop trigger if exists capture_change on ${name}`, `drop trigger if exists refuse_truncate on ${name}`];
}

function createStatements(table: string, args: readonly string[]): readonly string[] {
  const name = pg.escapeIdentifier(table);
  return [
    `create trigger capture_change after insert or update or delete on ${name}
       for each row execute function capture_change(${args.map((arg) => pg.escapeLiteral(arg)).join(', ')})`,
    `create trigger refuse_truncate before truncate on ${name} execute function refuse_truncate()`,
  ];
}

async function columnsOf(client: pg.Client, table: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ column: string }>(
    `select attname as column from pg_attribute
     where attrelid = to_regclass(quote_ident($1)) and attnum > 0 and not attisdropped`,
    [table],
  );
  return rows.map(({ column }) => column);
}

async function presentTriggers(client: pg.Client): Promise<Map<string, readonly string[]>> {
  const { rows } = await client.query<{ table: string; args: Buffer }>(
    `select relname as table, tgargs as args from pg_trigger join pg_class on pg_class.oid = tgrelid
     where tgname = 'capture_change' and tgparentid = 0`,
  );
  return new Map(rows.map(({ table, args }) => [table, args.toString('utf8').split('\0').slice(0, -1)]));
}
