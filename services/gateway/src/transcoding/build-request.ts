import {
  type DescField,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
} from '@bufbuild/protobuf';
import { registry } from '@flotilla/contracts';
import { AppError, type Violation } from '@flotilla/errors';
import { expectedEtag } from './entity-tag.ts';
import { fieldNamed, readMessage } from './read-message.ts';
import type { RestRoute } from './rest-route.ts';

/** What an HTTP request says to a method. */
export interface RestInput {
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  /** The body as JSON; `undefined` where the route has none. */
  readonly body?: JsonValue | undefined;
  readonly ifMatch?: string | undefined;
  readonly lastEventId?: string | undefined;
}

/** More would only repeat the message. */
const maxViolations = 20;

/** Makes the method's request message; every problem is reported at once, with its place. */
export function buildRequest(route: RestRoute, input: RestInput): Message {
  const problems: Violation[] = [];
  const request = route.hasBody ? readBody(route, input, problems) : readQuery(route, input.query, problems);
  for (const field of route.pathFields) {
    const value = readParameter(field, input.path[field.name] ?? '', field.jsonName, problems);
    const other = request[field.jsonName];
    if (other !== undefined && other !== value) {
      problems.push({ field: field.jsonName, reason: 'FIELD_INVALID', message: 'The path says something else.' });
    }
    request[field.jsonName] = value;
  }
  applyEtag(route, input.ifMatch, request);
  applyCursor(route, input.lastEventId, request, problems);
  refuseWhere(problems);
  return fromJson(route.method.input, request, { registry });
}

function readBody(route: RestRoute, input: RestInput, problems: Violation[]): JsonObject {
  for (const name of Object.keys(input.query)) problems.push(unknownParameter(name));
  const body = readMessage(route.method.input, input.body === undefined ? {} : input.body, '', problems);
  return body === null ? {} : (body as JsonObject);
}

function readQuery(route: RestRoute, query: RestInput['query'], problems: Violation[]): JsonObject {
  const request: JsonObject = {};
  for (const [name, given] of Object.entries(query)) {
    const field = fieldNamed(route.method.input, name);
    const values = typeof given === 'string' ? [given] : given;
    if (field === undefined || route.pathFields.includes(field)) problems.push(unknownParameter(name));
    else if (field.fieldKind === 'list') {
      request[field.jsonName] = values.map((text) => readParameter(field, text, name, problems));
    } else if (values.length !== 1 || request[field.jsonName] !== undefined) {
      problems.push({ field: name, reason: 'FIELD_INVALID', message: 'The parameter can be given once only.' });
    } else request[field.jsonName] = readParameter(field, values[0] ?? '', name, problems);
  }
  return request;
}

/** A text of a URL as the JSON value that the field's type wants. */
function readParameter(field: DescField, text: string, name: string, problems: Violation[]): JsonValue {
  const own: Violation[] = [];
  const typed = typedParameter(field, text);
  const single = field.fieldKind === 'list' ? [typed] : typed;
  const read = readMessage(field.parent, { [field.jsonName]: single }, '', own) as JsonObject;
  problems.push(...own.map((problem) => ({ ...problem, field: name })));
  const value = read[field.jsonName] ?? null;
  return Array.isArray(value) ? (value[0] ?? null) : value;
}

function typedParameter(field: DescField, text: string): JsonValue {
  if (field.scalar === ScalarType.BOOL) return text === 'true' || text === 'false' ? text === 'true' : text;
  if (field.scalar === ScalarType.DOUBLE || field.scalar === ScalarType.FLOAT) {
    return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : text;
  }
  return text;
}

function applyEtag(route: RestRoute, ifMatch: string | undefined, request: JsonObject): void {
  if (ifMatch === undefined || route.verb === 'GET') return;
  if (route.etagField === undefined) {
    throw new AppError('invalid_argument', 'IF_MATCH_UNSUPPORTED', 'This operation cannot be made conditional.');
  }
  const etag = expectedEtag(ifMatch);
  const inRequest = request[route.etagField.jsonName];
  if (inRequest !== undefined && inRequest !== '' && inRequest !== etag) {
    throw new AppError('invalid_argument', 'ETAG_AMBIGUOUS', 'If-Match and the field etag say different things.');
  }
  request[route.etagField.jsonName] = etag ?? '';
}

function applyCursor(
  route: RestRoute,
  lastEventId: string | undefined,
  request: JsonObject,
  problems: Violation[],
): void {
  if (lastEventId === undefined || lastEventId === '' || !route.streaming) return;
  if (route.cursorField === undefined) {
    throw new AppError('invalid_argument', 'RESUME_UNSUPPORTED', 'This stream cannot be resumed; follow the resource.');
  }
  request[route.cursorField.jsonName] = readParameter(route.cursorField, lastEventId, 'Last-Event-ID', problems);
}

function unknownParameter(name: string): Violation {
  const shown = name.toWellFormed().replaceAll('\0', '\\0').slice(0, 100);
  return { field: shown, reason: 'UNKNOWN_FIELD', message: `There is no parameter "${shown}" here.` };
}

function refuseWhere(problems: readonly Violation[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const violations = problems.slice(0, maxViolations);
  const text = `${first.field === '' ? 'The body' : first.field}: ${first.message}`;
  if (first.reason === 'UNKNOWN_FIELD') {
    throw new AppError('invalid_argument', 'UNKNOWN_FIELD', text, { violations });
  }
  throw new AppError('invalid_argument', 'FIELD_INVALID', text, { violations });
}
