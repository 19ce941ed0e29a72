import type { PriceService } from '@flotilla/contracts/agent';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { createPrice } from '../commands/create-price.ts';
import { listPrices } from '../db/price-repository.ts';
import type { Schema } from '../db/schema.ts';
import { toPriceMessage, toPriceWish } from '../messages/price-message.ts';

export function prices(
  db: Database<Schema>,
  keeping: { readonly now: () => Date; readonly newId: () => string },
): ServiceImplementation<typeof PriceService> {
  return {
    listPrices: (request, call) =>
      db.read(call, async (tx) => {
        const size = pageSizeOf(request.pageSize);
        const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
        const { rows, nextPageToken } = toPage(await listPrices(tx, request, page), size);
        return { prices: rows.map(toPriceMessage), nextPageToken };
      }),

    createPrice: (request, call) =>
      db.write(call, async (tx) =>
        toPriceMessage(await createPrice(keeping, tx, toPriceWish(request), call.principal.operator)),
      ),
  };
}
