import { create, type DescMessage, getOption } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { personal, secret } from '../src/gen/flotilla/options/v1/options_pb.ts';
import { http } from '../src/gen/google/api/annotations_pb.ts';
import { CreateApiKeyResponseSchema, UserSchema } from '../src/identity.ts';
import { commentOf, documentedContract } from '../src/image.ts';
import { capturedTables, events, methodRules, registry, services, topics, withoutPrivateFields } from '../src/index.ts';

const image = documentedContract();
const ours = [...image.files].filter((file) => file.proto.package.startsWith('flotilla.'));
const methods = services.flatMap((service) => service.methods);

test('no file of the contract is forgotten', () => {
  const named = (list: readonly { typeName: string }[]): string[] => list.map(({ typeName }) => typeName).sort();
  expect(named(services)).toEqual(named(ours.flatMap((file) => file.services)));
  for (const message of ours.flatMap((file) => file.messages))
    expect(registry.getMessage(message.typeName)).toBeDefined();
});

test('every method says who may call it, in exactly one way', () => {
  for (const method of methods) {
    const { permission, public: open, internal } = methodRules(method);
    const ways = [permission !== undefined, open, internal].filter(Boolean);
    expect([method.toString(), ways.length]).toEqual([method.toString(), 1]);
  }
});

test('every method that changes something is audited, every POST that makes something is repeatable or an undo of itself', () => {
  for (const method of methods) {
    const { pattern } = getOption(method, http);
    const changes = pattern.case !== undefined && pattern.case !== 'get';
    const reads = ['CheckWorkflow', 'ReadNotification', 'PreviewSchedule', 'DryRunWorkflow'].includes(method.name);
    if (changes && !reads) expect([method.name, methodRules(method).audit]).not.toEqual([method.name, undefined]);
    // The answer holds the key itself, which is kept nowhere: a repetition could not be answered.
    if (method.name.startsWith('Create') && changes && method.name !== 'CreateApiKey') {
      expect([method.name, methodRules(method).idempotent]).toEqual([method.name, true]);
    }
  }
});

test('paths keep to the subset that the gateway transcodes', () => {
  for (const method of methods) {
    const { pattern, body, additionalBindings, responseBody } = getOption(method, http);
    if (pattern.case === undefined) continue;
    expect([method.name, ['get', 'post', 'put', 'patch', 'delete'].includes(pattern.case)]).toEqual([
      method.name,
      true,
    ]);
    expect(pattern.value).toMatch(/^\/v1(\/[a-z-]+|\/\{[a-z_]+\})+(:[a-z-]+)?$/);
    expect(['', '*']).toContain(body);
    expect([additionalBindings, responseBody]).toEqual([[], '']);
    expect(methodRules(method).internal).toBe(false);
  }
});

test('streams carry a cursor and the watches among them can resume', () => {
  for (const method of methods.filter(({ methodKind }) => methodKind !== 'unary')) {
    expect(method.methodKind).toBe('server_streaming');
    expect(method.output.fields.map(({ name }) => name)).toContain('cursor');
    if (method.name.startsWith('Watch')) expect(method.input.fields.map(({ name }) => name)).toContain('after');
  }
});

test('everything that people read about the contract has a comment', () => {
  const wordless = ours
    .flatMap((file) => file.services)
    .flatMap((service) => [service, ...service.methods])
    .filter((element) => commentOf(element) === '');
  expect(wordless.map(String)).toEqual([]);
  const silent = events.filter(({ schema }) => commentOf(image.getMessage(schema.typeName) as DescMessage) === '');
  expect(silent.map(({ schema }) => schema.typeName)).toEqual([]);
});

test('every domain with events has its two topics', () => {
  expect(topics.map(({ name }) => name)).toEqual(
    [...new Set(events.map(({ topic }) => topic))]
      .sort()
      .flatMap((topic) => [topic, topic.replace(/\.v1$/, '.changes.v1')]),
  );
});

test('secret and personal fields are neither captured nor in an event', () => {
  const captured = capturedTables('identity').find(({ table }) => table === 'users');
  expect(captured?.columns).toEqual(expect.arrayContaining(['status', 'role', 'created_at']));
  for (const field of UserSchema.fields.filter((f) => getOption(f, personal) || getOption(f, secret))) {
    expect(captured?.columns).not.toContain(field.name);
  }
  const answer = create(CreateApiKeyResponseSchema, { apiKey: { id: 'k' }, key: 'flk_secret' });
  expect(withoutPrivateFields(CreateApiKeyResponseSchema, answer)).toMatchObject({ apiKey: { id: 'k' }, key: '' });
});
