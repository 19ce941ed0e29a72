import { services } from '@flotilla/contracts';
import { documentedContract } from '@flotilla/contracts/image';
import { expect, test } from 'vitest';
import { restRoutes } from '../transcoding/rest-route.ts';
import { openApiDocument } from './document.ts';

interface Operation {
  readonly operationId: string;
  readonly description: string;
  readonly security?: readonly unknown[];
  readonly parameters: readonly Record<string, unknown>[];
  readonly requestBody?: { content: Record<string, { schema: Record<string, unknown> }> };
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: Record<string, Record<string, Record<string, unknown>>>;
}

const document = openApiDocument(documentedContract(), '1.2.3') as unknown as Document;
const operation = (id: string): Operation => {
  const found = operations.find((candidate) => candidate.operationId === id);
  if (found === undefined) throw new Error(`no operation ${id}`);
  return found;
};
const operations = Object.values(document.paths).flatMap((path) => Object.values(path));

test('every route of the contract is one operation with a comment and a name of its own', () => {
  expect(operations).toHaveLength(restRoutes(services).length);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  expect(operations.filter(({ description }) => description.length < 20)).toEqual([]);
});

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/([\w.]+)"/g)];
  expect(references.length).toBeGreaterThan(100);
  for (const [, kind = '', name = ''] of references) expect(document.components[kind]).toHaveProperty(name);
});

test('the rules of the contract are constraints of the schema', () => {
  const body = operation('createAgent').requestBody?.content['application/json']?.schema;
  expect(body).toMatchObject({
    additionalProperties: false,
    required: ['name', 'slug', 'provider', 'model', 'systemPrompt'],
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 255 },
      slug: { pattern: '^[a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?$' },
      tags: { type: 'array', maxItems: 50, uniqueItems: true, items: { minLength: 1, maxLength: 100 } },
    },
  });
  expect(document.components['schemas']?.['AgentParameters']).toMatchObject({
    properties: { temperature: { type: 'number', minimum: 0, maximum: 2 } },
  });
  expect(document.components['schemas']?.['InputFile']).toMatchObject({
    properties: { mediaType: { type: 'string', enum: expect.arrayContaining(['image/png', 'application/pdf']) } },
  });
  expect(operation('getAgent').parameters[0]).toEqual({
    name: 'id',
    in: 'path',
    required: true,
    schema: { type: 'string', format: 'uuid' },
  });
});

test('only public operations need no credential', () => {
  const open = operations.filter(({ security }) => security?.length === 0).map(({ operationId }) => operationId);
  expect(open.sort()).toEqual(['login', 'logout']);
});

test('conditional, repeatable and resumable operations name their headers', () => {
  const headers = (id: string): unknown[] => operation(id).parameters.flatMap(({ $ref }) => $ref ?? []);
  expect(headers('updateAgent')).toEqual(['#/components/parameters/IfMatch']);
  expect(headers('createAgent')).toEqual(['#/components/parameters/IdempotencyKey']);
  expect(headers('watchInstance')).toEqual(['#/components/parameters/LastEventId']);
});
