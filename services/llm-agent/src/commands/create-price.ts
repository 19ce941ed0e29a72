import type { Tx } from '@flotilla/postgres';
import { insertPrice } from '../db/price-repository.ts';
import type { Schema } from '../db/schema.ts';
import { createPrice as decide, type PriceEntry, type PriceWish } from '../domain/price.ts';

export async function createPrice(
  { now, newId }: { readonly now: () => Date; readonly newId: () => string },
  tx: Tx<Schema>,
  wish: PriceWish,
  byOperator: boolean,
): Promise<PriceEntry> {
  const price = decide(wish, { id: newId(), createdBy: tx.scope.actor.id, now: now(), byOperator });
  await insertPrice(tx, price);
  return price;
}
