import { type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** Bytes of all files that the tenant has. */
export async function sumOfFiles(tx: ReadTx<Schema>): Promise<number> {
  const row = await tx
    .selectFrom('input_files')
    .select(sql<string>`coalesce(sum(bytes), 0)`.as('bytes'))
    .executeTakeFirstOrThrow();
  return Number(row.bytes);
}

/** Of these hashes, those whose files are kept already. */
export async function findKept(tx: ReadTx<Schema>, hashes: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await tx.selectFrom('input_files').select('sha256').where('sha256', 'in', hashes.map(toBytes)).execute();
  return new Set(rows.map(({ sha256 }) => sha256.toString('hex')));
}

/** What is there already stays, locked until commit, so that it does not go before somebody uses it. */
export async function upsertFiles(tx: Tx<Schema>, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const rows = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  await tx
    .insertInto('input_files')
    .values(
      rows.map(([hash, data]) => ({
        tenant_id: tx.scope.tenantId,
        sha256: toBytes(hash),
        bytes: data.byteLength,
        data: Buffer.from(data),
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'sha256']).doUpdateSet((eb) => ({ bytes: eb.ref('excluded.bytes') })),
    )
    .execute();
}

/** A conversation, or an execution, has these files from now on. */
export async function upsertUses(tx: Tx<Schema>, ownerId: string, hashes: readonly string[], now: Date): Promise<void> {
  await tx
    .insertInto('input_file_uses')
    .values(
      hashes.toSorted().map((hash) => ({
        tenant_id: tx.scope.tenantId,
        owner_id: ownerId,
        sha256: toBytes(hash),
        used_at: now,
      })),
    )
    .onConflict((conflict) => conflict.columns(['tenant_id', 'owner_id', 'sha256']).doUpdateSet({ used_at: now }))
    .execute();
}

/** What one conversation has, another one has from now on. */
export async function copyUses(tx: Tx<Schema>, from: string, to: string, now: Date): Promise<void> {
  await sql`
    insert into input_file_uses (tenant_id, owner_id, sha256, used_at)
    select tenant_id, ${to}, sha256, ${now} from input_file_uses where owner_id = ${from}`.execute(tx);
}

/** By their hashes. */
export async function readFiles(
  tx: ReadTx<Schema>,
  hashes: readonly string[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const rows = await tx
    .selectFrom('input_files')
    .select(['sha256', 'data'])
    .where('sha256', 'in', hashes.map(toBytes))
    .execute();
  return new Map(rows.map(({ sha256, data }) => [sha256.toString('hex'), data]));
}

/** Bytes of a file from an offset on; undefined where it is not kept. */
export async function readPiece(
  tx: ReadTx<Schema>,
  hash: string,
  { offset, length }: { offset: number; length: number },
): Promise<Uint8Array | undefined> {
  const row = await tx
    .selectFrom('input_files')
    .select(sql<Buffer>`substring(data from ${offset + 1}::integer for ${length}::integer)`.as('piece'))
    .where('sha256', '=', toBytes(hash))
    .executeTakeFirst();
  return row?.piece;
}

/** Over all tenants: forgets who had what before a moment, and the files that nobody has any more; answers how many. */
export async function forgetFiles(tx: Tx<Schema>, before: Date, limit: number): Promise<number> {
  const { rows } = await sql<{ forgotten: bigint }>`
    select forget_input_files(${before}, ${limit}) as forgotten`.execute(tx);
  return Number(rows[0]?.forgotten ?? 0n);
}

const toBytes = (hash: string) => Buffer.from(hash, 'hex');
