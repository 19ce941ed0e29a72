import { type Cursor, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { PriceEntry } from '../domain/price.ts';
import type { Schema } from './schema.ts';

type Row = Pick<
  Selectable<Schema['model_prices']>,
  | 'id'
  | 'provider'
  | 'model'
  | 'input_usd_micros'
  | 'cached_input_usd_micros'
  | 'output_usd_micros'
  | 'effective_from'
  | 'fleet_wide'
  | 'created_by'
  | 'created_at'
>;

/** Throws already_exists PRICE_EXISTS when there is one from the same moment: the index model_prices_entry decides. */
export async function insertPrice(tx: Tx<Schema>, price: PriceEntry): Promise<void> {
  await tx
    .insertInto('model_prices')
    .values({
      id: price.id,
      tenant_id: tx.scope.tenantId,
      provider: price.provider,
      model: price.model,
      input_usd_micros: price.inputUsdMicros,
      cached_input_usd_micros: price.cachedInputUsdMicros,
      output_usd_micros: price.outputUsdMicros,
      effective_from: price.effectiveFrom,
      fleet_wide: price.fleetWide,
      created_by: price.createdBy,
      created_at: price.createdAt,
    })
    .execute();
}

/** The tenant's own and those of the whole fleet, newest first. */
export async function listPrices(
  tx: ReadTx<Schema>,
  filter: { provider: string; model: string },
  page: { cursor: Cursor | undefined; limit: number },
): Promise<PriceEntry[]> {
  const { rows } = await sql<Row>`
    select id, provider, model, input_usd_micros, cached_input_usd_micros, output_usd_micros, effective_from, fleet_wide,
      created_by, created_at
    from visible_prices()
    where (${filter.provider} = '' or provider = ${filter.provider}) and (${filter.model} = '' or model = ${filter.model})
      and ${page.cursor === undefined ? sql`true` : sql`id < ${page.cursor.id}::uuid`}
    order by id desc limit ${page.limit}`.execute(tx);
  return rows.map((row) => ({
    id: row.id,
    provider: row.provider,
    model: row.model,
    inputUsdMicros: row.input_usd_micros,
    cachedInputUsdMicros: row.cached_input_usd_micros,
    outputUsdMicros: row.output_usd_micros,
    effectiveFrom: row.effective_from,
    fleetWide: row.fleet_wide,
    createdBy: row.created_by,
    createdAt: row.created_at,
  }));
}
