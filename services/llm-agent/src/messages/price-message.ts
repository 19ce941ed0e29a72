import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { CreatePriceRequest, PriceSchema } from '@flotilla/contracts/agent';
import type { PriceEntry, PriceWish } from '../domain/price.ts';

export function toPriceMessage(price: PriceEntry): MessageInitShape<typeof PriceSchema> {
  return {
    id: price.id,
    provider: price.provider,
    model: price.model,
    inputUsdMicros: price.inputUsdMicros,
    cachedInputUsdMicros: price.cachedInputUsdMicros,
    outputUsdMicros: price.outputUsdMicros,
    effectiveFrom: timestampFromDate(price.effectiveFrom),
    fleetWide: price.fleetWide,
    createdBy: price.createdBy,
    createTime: timestampFromDate(price.createdAt),
  };
}

export function toPriceWish(request: CreatePriceRequest): PriceWish {
  const { provider, model, inputUsdMicros, cachedInputUsdMicros, outputUsdMicros, fleetWide } = request;
  const effectiveFrom = request.effectiveFrom && timestampDate(request.effectiveFrom);
  return { provider, model, inputUsdMicros, cachedInputUsdMicros, outputUsdMicros, effectiveFrom, fleetWide };
}
