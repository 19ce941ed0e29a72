import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from '@bufbuild/protobuf';
import { registry } from '@flotilla/contracts';
import type { Violation } from '@flotilla/errors';
import { type Reading, readEnum, readScalar, textRefusal } from './read-scalar.ts';

/** Checks a JSON object against a message: unknown names, types, ranges and texts, each problem with its JSON pointer. Answers standard ProtoJSON. */
export function readMessage(desc: DescMessage, json: JsonValue, pointer: string, problems: Violation[]): JsonValue {
  if (desc.typeName.startsWith('google.protobuf.')) return readWellKnown(desc, json, pointer, problems);
  if (!isObject(json)) return refuse(problems, pointer, 'must be an object');
  const result: JsonObject = {};
  const seen = new Map<string, string>();
  for (const [name, value] of Object.entries(json)) {
    const at = `${pointer}/${escaped(name)}`;
    const field = fieldNamed(desc, name);
    if (field === undefined) {
      problems.push({ field: at, reason: 'UNKNOWN_FIELD', message: `${desc.name} has no field "${shown(name)}".` });
    } else if (value !== null || isValue(field)) {
      // A member of a oneof takes the place of all others.
      const place = field.oneof?.name ?? field.name;
      const other = seen.get(place);
      seen.set(place, name);
      if (other !== undefined) refuse(problems, at, `cannot be given together with "${other}"`);
      else result[field.jsonName] = readField(field, value, at, problems);
    }
  }
  return result;
}

/** The field of a JSON name, or of its name in the contract. */
export function fieldNamed(desc: DescMessage, name: string): DescField | undefined {
  return desc.fields.find((field) => field.jsonName === name || field.name === name);
}

function readField(field: DescField, json: JsonValue, at: string, problems: Violation[]): JsonValue {
  if (field.fieldKind === 'list') {
    if (!Array.isArray(json)) return refuse(problems, at, 'must be a list');
    return json.map((item, index) => readSingle(field, item, `${at}/${index}`, problems));
  }
  if (field.fieldKind === 'map') {
    if (!isObject(json)) return refuse(problems, at, 'must be an object');
    const entries = Object.entries(json).map(([key, item]): [string, JsonValue] => {
      const place = `${at}/${escaped(key)}`;
      checkKey(key, place, problems);
      return [key, readSingle(field, item, place, problems)];
    });
    return Object.fromEntries(entries);
  }
  return readSingle(field, json, at, problems);
}

function readSingle(field: DescField, json: JsonValue, at: string, problems: Violation[]): JsonValue {
  if (field.message !== undefined) return readMessage(field.message, json, at, problems);
  return taken(
    field.enum === undefined ? readScalar(field.scalar ?? ScalarType.STRING, json) : readEnum(field.enum, json),
    at,
    problems,
  );
}

function taken(reading: Reading, at: string, problems: Violation[]): JsonValue {
  return 'refusal' in reading ? refuse(problems, at, reading.refusal) : reading.value;
}

/** Times, durations and free values: their library reads them, the texts inside are checked here. */
function readWellKnown(desc: DescMessage, json: JsonValue, at: string, problems: Violation[]): JsonValue {
  const before = problems.length;
  checkTexts(json, at, problems);
  if (problems.length > before) return null;
  try {
    fromJson(desc, json, { registry });
  } catch {
    return refuse(problems, at, expectation[desc.name] ?? `is not a ${desc.name}`);
  }
  return json;
}

const expectation: Readonly<Record<string, string>> = {
  Timestamp: 'must be a time such as "2026-01-31T12:00:00Z"',
  Duration: 'must be a duration in seconds such as "1.5s"',
  Struct: 'must be an object',
  ListValue: 'must be a list',
  Value: 'must be a value with finite numbers',
  FieldMask: 'must be a list of field names joined by commas',
};

function checkTexts(json: JsonValue, at: string, problems: Violation[]): void {
  if (typeof json === 'string') {
    const refusal = textRefusal(json);
    if (refusal !== undefined) refuse(problems, at, refusal);
  } else if (typeof json === 'number') {
    if (!Number.isFinite(json)) refuse(problems, at, 'must be a number of at most double precision');
  } else if (Array.isArray(json)) {
    for (const [index, item] of json.entries()) checkTexts(item, `${at}/${index}`, problems);
  } else if (json !== null && typeof json === 'object') {
    for (const [key, item] of Object.entries(json)) {
      checkKey(key, `${at}/${escaped(key)}`, problems);
      checkTexts(item, `${at}/${escaped(key)}`, problems);
    }
  }
}

/** `__proto__` as a key would set the prototype of whatever plain object a reader further on copies it into. */
function checkKey(key: string, at: string, problems: Violation[]): void {
  const refusal = key === '__proto__' ? 'has a name that is not allowed' : textRefusal(key);
  if (refusal !== undefined) refuse(problems, at, refusal);
}

function refuse(problems: Violation[], at: string, refusal: string): JsonValue {
  problems.push({ field: at, reason: 'FIELD_INVALID', message: `It ${refusal}.` });
  return null;
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function isValue(field: DescField): boolean {
  return field.message?.typeName === 'google.protobuf.Value';
}

/** JSON pointer escaping (RFC 6901); what cannot be shown in an answer is replaced. */
function escaped(name: string): string {
  return shown(name).replaceAll('~', '~0').replaceAll('/', '~1');
}

function shown(name: string): string {
  return name.toWellFormed().replaceAll('\0', '\\0').slice(0, 100);
}
