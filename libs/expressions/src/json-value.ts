import {
  type CelInput,
  type CelValue,
  celList,
  celMap,
  isCelList,
  isCelMap,
  isCelType,
  isCelUint,
} from '@bufbuild/cel';
import { toJson } from '@bufbuild/protobuf';
import { isReflectMessage } from '@bufbuild/protobuf/reflect';
import type { Meter } from './meter.ts';

/** What JSON can say. Expressions take and give nothing else. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

/** Deeper values could exhaust the stack. */
const maxValueDepth = 100;

/** Converts as a whole and ahead, so that an access inside a loop costs the same however large the value is. Numbers become doubles, as in protobuf's own JSON mapping. */
export function toCel(value: JsonValue, meter: Meter, depth = 0): CelInput {
  meter.spend(1);
  if (depth > maxValueDepth) throw new RangeError(`The input is nested deeper than ${maxValueDepth} levels.`);
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'string') {
    meter.spend(value.length / 64);
    return value;
  }
  if (isArray(value)) return celList(value.map((item) => toCel(item, meter, depth + 1)));
  const entries = Object.entries(value).flatMap(([key, item]): [string, CelInput][] =>
    item === undefined ? [] : [[key, toCel(item, meter, depth + 1)]],
  );
  return celMap(new Map(entries));
}

/** What of a value is read: all of it, or some of its fields. */
export type Wanted = 'all' | ReadonlyMap<string, Wanted>;

/** Converts only what is read: whoever asks for one field does not pay for the ten thousand items beside it. */
export function toCelPart(value: JsonValue, wanted: Wanted, meter: Meter): CelInput {
  if (wanted === 'all' || typeof value !== 'object' || value === null || isArray(value)) return toCel(value, meter);
  meter.spend(1);
  const entries = [...wanted].flatMap(([key, part]): [string, CelInput][] => {
    const item = Object.hasOwn(value, key) ? value[key] : undefined;
    return item === undefined ? [] : [[key, toCelPart(item, part, meter)]];
  });
  return celMap(new Map(entries));
}

/** Integers beyond what JSON numbers hold exactly become text, as protobuf does; times become RFC 3339 text. */
export function fromCel(value: CelValue, meter: Meter, depth = 0): JsonValue {
  meter.spend(4);
  if (depth > maxValueDepth) throw new RangeError(`The result is nested deeper than ${maxValueDepth} levels.`);
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') {
    meter.spend(value.length / 8);
    return value;
  }
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError(`The result holds ${value}, which JSON cannot say.`);
    return value;
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (isCelUint(value)) return fromCel(value.value, meter, depth);
  if (isCelList(value)) return Array.from(value, (item) => fromCel(item, meter, depth + 1));
  if (isCelMap(value)) {
    return Object.fromEntries(
      Array.from(value, ([key, item]) => [
        isCelUint(key) ? String(key.value) : String(key),
        fromCel(item, meter, depth + 1),
      ]),
    );
  }
  if (isCelType(value)) return value.name;
  if (isReflectMessage(value)) return toJson(value.desc, value.message) as JsonValue;
  throw new TypeError('The result is of a kind that JSON cannot say.');
}

/** What comparing or printing this value costs; counts shared parts as often as they occur. */
export function spendOn(value: CelValue | undefined, meter: Meter): void {
  meter.spend(1);
  if (typeof value === 'string') meter.spend(value.length / 64);
  else if (isCelList(value)) for (const item of value) spendOn(item, meter);
  else if (isCelMap(value)) {
    for (const [key, item] of value) {
      if (typeof key === 'string') meter.spend(1 + key.length / 64);
      spendOn(item, meter);
    }
  }
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
