import { sql, type Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** Over all tenants: adds settled lines of the ledger to daily_usage; answers how many. Uses provider_attempts_to_roll_up. */
export async function rollUpUsage(tx: Tx<Schema>, limit: number): Promise<number> {
  const { rows } = await sql<{ lines: bigint }>`select roll_up_usage(${limit}) as lines`.execute(tx);
  return Number(rows[0]?.lines ?? 0n);
}
