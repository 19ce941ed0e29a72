import { type DescEnum, type JsonValue, ScalarType } from '@bufbuild/protobuf';

/** What is wrong with a value, as the end of the sentence "The field …". */
export interface Refusal {
  readonly refusal: string;
}

/** The value in standard ProtoJSON, or why it cannot be one. */
export type Reading = { readonly value: JsonValue } | Refusal;

/** Reads a JSON value as a scalar of the contract, in its exact type and range. */
export function readScalar(scalar: ScalarType, json: JsonValue): Reading {
  switch (scalar) {
    case ScalarType.STRING:
      return readText(json);
    case ScalarType.BOOL:
      return typeof json === 'boolean' ? { value: json } : { refusal: 'must be true or false' };
    case ScalarType.BYTES:
      return readBytes(json);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return typeof json === 'number' && Number.isFinite(json)
        ? { value: json }
        : { refusal: 'must be a number of at most double precision' };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return readInteger(json, 0n, 2n ** 32n - 1n);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return readInteger(json, -(2n ** 63n), 2n ** 63n - 1n);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return readInteger(json, 0n, 2n ** 64n - 1n);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return readInteger(json, -(2n ** 31n), 2n ** 31n - 1n);
  }
}

/** Reads an enum by its full name, or by its short one in any case: `AGENT_STATUS_ACTIVE`, `active`. */
export function readEnum(desc: DescEnum, json: JsonValue): Reading {
  if (typeof json === 'number') {
    const known = desc.values.find((value) => value.number === json);
    return known === undefined ? { refusal: `must be one of ${shortNames(desc)}` } : { value: known.name };
  }
  const wanted = typeof json === 'string' ? json.toUpperCase() : undefined;
  const known = desc.values.find((value) => value.name === wanted || shortName(desc, value.name) === wanted);
  return known === undefined ? { refusal: `must be one of ${shortNames(desc)}` } : { value: known.name };
}

/** Why a text cannot be stored: protobuf and Postgres carry neither half a surrogate pair nor a NUL. */
export function textRefusal(text: string): string | undefined {
  if (text.includes('\0')) return 'contains a NUL character';
  return text.isWellFormed() ? undefined : 'contains half of a surrogate pair';
}

function readText(json: JsonValue): Reading {
  if (typeof json !== 'string') return { refusal: 'must be a text' };
  const refusal = textRefusal(json);
  return refusal === undefined ? { value: json } : { refusal };
}

function readBytes(json: JsonValue): Reading {
  return typeof json === 'string' && /^[A-Za-z0-9+/_-]*={0,2}$/.test(json)
    ? { value: json }
    : { refusal: 'must be base64' };
}

/** A number beyond 2^53 has already lost digits when it arrives here: it must come as text. */
function readInteger(json: JsonValue, least: bigint, most: bigint): Reading {
  const exact =
    typeof json === 'number' ? Number.isSafeInteger(json) : typeof json === 'string' && /^-?\d{1,20}$/.test(json);
  if (!exact) return { refusal: 'must be a whole number; beyond 2^53, as a text' };
  const value = BigInt(json as number | string);
  if (value < least || value > most) return { refusal: `must be between ${least} and ${most}` };
  return { value: typeof json === 'number' ? json : value.toString() };
}

function shortName(desc: DescEnum, name: string): string {
  const prefix = `${desc.name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()}_`;
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

function shortNames(desc: DescEnum): string {
  return desc.values
    .filter((value) => value.number !== 0)
    .map((value) => shortName(desc, value.name).toLowerCase())
    .join(', ');
}
