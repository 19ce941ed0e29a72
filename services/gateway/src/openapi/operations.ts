import type { DescField, JsonObject, JsonValue } from '@bufbuild/protobuf';
import { commentOf } from '@flotilla/contracts/image';
import type { RestRoute } from '../transcoding/rest-route.ts';
import { createdAt } from '../transcoding/show-reply.ts';
import { isRequired } from './constraints.ts';
import type { SchemaRegistry } from './schemas.ts';

/** One operation of the document. */
export function operationOf(route: RestRoute, routes: readonly RestRoute[], schemas: SchemaRegistry): JsonObject {
  const comment = commentOf(route.method);
  return {
    operationId: route.method.localName,
    tags: [tagOf(route)],
    summary: comment.split('. ')[0] ?? comment,
    description: [comment, permissionNote(route), streamNote(route)].filter((text) => text !== '').join('\n\n'),
    ...(route.rules.public ? { security: [] } : {}),
    parameters: parametersOf(route, schemas),
    ...(route.hasBody ? { requestBody: requestBodyOf(route, schemas) } : {}),
    responses: responsesOf(route, routes, schemas),
  };
}

/** The name of the group that a route is shown in. */
export function tagOf(route: RestRoute): string {
  return route.method.parent.name.replace(/Service$/, '');
}

function parametersOf(route: RestRoute, schemas: SchemaRegistry): JsonValue[] {
  const query = route.hasBody ? [] : route.method.input.fields.filter((field) => !route.pathFields.includes(field));
  return [
    ...route.pathFields.map((field) => ({ ...parameter(field, schemas), in: 'path', required: true })),
    ...query.map((field) => ({ ...parameter(field, schemas), in: 'query', required: isRequired(field) })),
    ...(route.rules.idempotent ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : []),
    ...(route.etagField !== undefined && route.verb !== 'GET' ? [{ $ref: '#/components/parameters/IfMatch' }] : []),
    ...(route.cursorField === undefined ? [] : [{ $ref: '#/components/parameters/LastEventId' }]),
  ];
}

function parameter(field: DescField, schemas: SchemaRegistry): JsonObject {
  const { description, ...schema } = schemas.field(field);
  // A path names its fields as the contract does, a query as JSON does.
  return { name: field.jsonName, schema, ...(description === undefined ? {} : { description }) };
}

function requestBodyOf(route: RestRoute, schemas: SchemaRegistry): JsonObject {
  const pathFields = route.pathFields.map((field) => field.name);
  const schema = schemas.body(route.method.input, pathFields);
  const required = Array.isArray(schema['required']) && schema['required'].length > 0;
  return { required, content: { 'application/json': { schema } } };
}

function responsesOf(route: RestRoute, routes: readonly RestRoute[], schemas: SchemaRegistry): JsonObject {
  const problem = (name: string): JsonObject => ({ $ref: `#/components/responses/${name}` });
  return {
    ...successOf(route, routes, schemas),
    400: problem('BadRequest'),
    ...(route.rules.public ? { 401: problem('Unauthenticated') } : {}),
    ...(route.rules.public ? {} : { 401: problem('Unauthenticated'), 403: problem('PermissionDenied') }),
    ...(route.pathFields.length > 0 ? { 404: problem('NotFound') } : {}),
    ...(route.verb === 'GET' ? {} : { 409: problem('Conflict') }),
    ...(route.etagField !== undefined && route.verb !== 'GET' ? { 412: problem('PreconditionFailed') } : {}),
    ...(route.hasBody ? { 413: problem('BodyTooLarge'), 415: problem('UnsupportedMediaType') } : {}),
    429: problem('TooManyRequests'),
    default: problem('Problem'),
  };
}

function successOf(route: RestRoute, routes: readonly RestRoute[], schemas: SchemaRegistry): JsonObject {
  if (route.method.output.typeName === 'google.protobuf.Empty') return { 204: { description: 'Done.' } };
  const schema = schemas.reference(route.method.output);
  if (route.streaming) {
    const eventStream = { schema: { type: 'string' }, 'x-event-data': schema };
    return {
      200: {
        description: `Events, each a ${route.method.output.name}.`,
        content: { 'text/event-stream': eventStream },
      },
    };
  }
  const created = createdAt(route, routes) !== undefined;
  const headers = {
    ...(created ? { Location: { schema: { type: 'string' }, description: 'The path of the new resource.' } } : {}),
    ...(route.method.output.fields.some((field) => field.name === 'etag')
      ? { ETag: { schema: { type: 'string' }, description: 'The state of the resource, for If-Match.' } }
      : {}),
  };
  const answer = {
    description: created ? 'Created.' : 'Done.',
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    content: { 'application/json': { schema } },
  };
  return created ? { 201: answer } : { 200: answer };
}

function permissionNote(route: RestRoute): string {
  if (route.rules.public) return 'Needs no credential.';
  return route.rules.permission === undefined ? '' : `Needs the permission \`${route.rules.permission}\`.`;
}

function streamNote(route: RestRoute): string {
  if (!route.streaming) return '';
  const resume = route.cursorField === undefined ? '' : ' A stream that broke is resumed with `Last-Event-ID`.';
  return `Server-sent events: each update is a \`message\` whose \`id\` is its cursor; the last event is \`end\`, or \`error\` with a problem as its data.${resume}`;
}
