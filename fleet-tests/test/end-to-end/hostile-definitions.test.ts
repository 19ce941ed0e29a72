import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { eventually } from '@flotilla/testing';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { type Account, type Answer, type Fleet, openFleet } from './fleet.ts';
import { footprint, unready } from './footprint.ts';

let fleet: Fleet;
let tenant: Account;
beforeAll(async () => {
  fleet = await openFleet();
  tenant = await fleet.newTenant();
});
afterEach(async () => expect(await unready(fleet)).toEqual([]));

const post = (path: string, body: unknown): Promise<Answer> => fleet.call('POST', path, { key: tenant.key, body });
const ok = (path: string, body: unknown) => fleet.ok('POST', path, { key: tenant.key, body });

const decision = (id: string, when: string, next = '$end'): JsonObject => ({
  id,
  kind: 'decision',
  cases: [{ when, next }],
  default: { next: '$end' },
});
/** Loops over a list, each inside the one before. */
function loops(depth: number, list: string, innermost: string): string {
  return Array.from({ length: depth }).reduce<string>(
    (inner, _, index) => `${list}.all(x${index + 1}, ${inner})`,
    innermost,
  );
}
const effect = (id: string, url: string, more: JsonObject = {}): JsonObject => ({ id, kind: 'http', url, ...more });
const steps = (...list: JsonObject[]): JsonObject => ({ steps: list });

test.each<[string, JsonObject, string, string]>([
  ['a cycle', steps(decision('a', 'true', 'b'), decision('b', 'true', 'a')), 'CYCLE', '/steps/1'],
  ['a step that leads to itself', steps(decision('a', 'true', 'a')), 'CYCLE', '/steps/0'],
  ['a step that there is not', steps(decision('a', 'true', 'nowhere')), 'STEP_UNKNOWN', '/steps/0/cases/0/next'],
  ['one id twice', steps(decision('a', 'true'), decision('a', 'true')), 'STEP_ID_DUPLICATE', '/steps/1'],
  ['a step that nobody reaches', steps(decision('a', 'true'), decision('b', 'true')), 'STEP_UNREACHABLE', '/steps/1'],
  ['a kind that there is not', steps({ id: 'a', kind: 'shell' }), 'STEP_KIND_UNKNOWN', '/steps/0'],
  ['an effect without an undo', steps(effect('a', 'https://a.example/')), 'EFFECT_WITHOUT_UNDO', '/steps/0'],
  [
    'an irreversible effect that nothing proves',
    steps(effect('a', 'https://a.example/', { irreversible: true })),
    'IRREVERSIBLE_UNCHECKED',
    '/steps/0',
  ],
  ['a condition that is a number', steps(decision('a', '1 + 1')), 'EXPRESSION_TYPE', '/steps/0/cases/0/when'],
  ['a condition that is no CEL', steps(decision('a', '1 +')), 'EXPRESSION_INVALID', '/steps/0/cases/0/when'],
  ['a name that there is not', steps(decision('a', 'secrets.key == 1')), 'EXPRESSION', '/steps/0/cases/0/when'],
  ['10,000 brackets', steps(decision('a', `${'('.repeat(10_000)}true${')'.repeat(10_000)}`)), 'EXPRESSION', '/steps/0'],
  ['100,000 terms', steps(decision('a', `true${' || true'.repeat(20_000)}`)), 'EXPRESSION', '/steps/0'],
  [
    'loops in loops in loops',
    steps(decision('a', loops(5, '[1]', 'true'))),
    'EXPRESSION_INVALID',
    '/steps/0/cases/0/when',
  ],
  [
    'an input schema with a reference',
    { input: { schema: { $ref: 'file:///etc/passwd' } }, ...steps(decision('a', 'true')) },
    'INPUT_SCHEMA_INVALID',
    '/input/schema',
  ],
])(
  'a definition with %s is told the place and the reason, and does not start',
  async (_, definition, reason, pointer) => {
    const draft = await post('/v1/workflows', { name: 'W', slug: `w-${randomUUID()}`, definition });
    expect(draft.status).toBe(201);
    const before = await footprint(fleet, tenant.tenantId);
    const checked = await ok('/v1/workflows:check', { definition });
    const activated = await post(`/v1/workflows/${draft.body.id}:activate`, {});
    expect(checked.valid).toBe(false);
    expect(activated.body).toMatchObject({ status: 400, reason: 'DEFINITION_INVALID' });
    const found = checked.problems.map((one: { reason: string; pointer: string }) => `${one.pointer} ${one.reason}`);
    expect(found).toContainEqual(expect.stringMatching(new RegExp(`^${pointer}.* ${reason}`)));
    expect((await post(`/v1/workflows/${draft.body.id}:start`, {})).body.reason).toBe('WORKFLOW_NOT_ACTIVE');
    expect(await footprint(fleet, tenant.tenantId)).toEqual(before);
  },
);

test.each<[string, string, string]>([
  ['an expression that would run for ever', loops(4, 'input.list', 'x1 + x2 + x3 + x4 >= 0'), 'EXPRESSION_TOO_COSTLY'],
  // One that stands in the definition is refused when that is activated.
  ['a pattern that repeats repetitions', "'a'.matches(input.pattern)", 'PATTERN_INVALID'],
])('%s fails its run with the reason, and nobody else waits for it', async (_, when, errorReason) => {
  const wish = { name: 'W', slug: `bomb-${randomUUID()}`, definition: steps(decision('a', when)) };
  const { id } = await ok('/v1/workflows', wish);
  await ok(`/v1/workflows/${id}:activate`, {});
  const list = Array.from({ length: 200 }, (_one, index) => index);
  const run = await ok(`/v1/workflows/${id}:start`, { input: { list, pattern: '(a{1000}){1000}' } });
  await eventually(
    async () => {
      const now = await fleet.ok('GET', `/v1/instances/${run.id}`, { key: tenant.key });
      expect(now).toMatchObject({ status: 'INSTANCE_STATUS_FAILED', errorReason, errorStep: 'a' });
    },
    { timeoutMs: 60_000, intervalMs: 200 },
  );
});

test('a pattern that would explode is decided in linear time', async () => {
  const ruleOf = (configuration: JsonObject) => ({ name: `r-${randomUUID()}`, ruleType: 'regex', configuration });
  const rule = await ok('/v1/validation-rules', ruleOf({ pattern: '^(a+)+$' }));
  const model = await ok('/v1/scoring-models', { name: `m-${randomUUID()}`, rules: [{ ruleId: rule.id }] });
  const content = `${'a'.repeat(100_000)}!`;
  const source = { sourceType: 'test', sourceId: randomUUID() };
  const result = await ok('/v1/validations', { scoringModelId: model.id, content, ...source });
  expect(result.outcome).toBe('VALIDATION_OUTCOME_FAILED');
  for (const pattern of ['(a', '(?<=a)b', '(a)\\1', '((a{1000}){1000}){1000}']) {
    const refused = await post('/v1/validation-rules', ruleOf({ pattern }));
    expect([pattern, refused.status, refused.body.reason]).toEqual([pattern, 400, 'PATTERN_INVALID']);
  }
});

test('an expression of a rule is refused with its place, or left undecided when it costs too much', async () => {
  const ruleOf = (expression: string) => ({
    name: `r-${randomUUID()}`,
    ruleType: 'custom',
    configuration: { expression },
  });
  for (const expression of ['1 +', 'content.size()', 'nobody.knows', `${'['.repeat(5_000)}`]) {
    expect((await post('/v1/validation-rules', ruleOf(expression))).body).toMatchObject({ status: 400 });
  }
  const list = `[${Array.from({ length: 100 }, (_, index) => index).join(',')}]`;
  const bomb = `${list}.all(a, ${list}.all(b, ${list}.all(c, ${list}.all(d, a + b + c + d >= 0))))`;
  const rule = await ok('/v1/validation-rules', ruleOf(bomb));
  const model = await ok('/v1/scoring-models', { name: `m-${randomUUID()}`, rules: [{ ruleId: rule.id }] });
  const source = { sourceType: 'test', sourceId: randomUUID() };
  const result = await ok('/v1/validations', { scoringModelId: model.id, content: 'x', ...source });
  expect(result.outcome).toBe('VALIDATION_OUTCOME_FAILED');
  expect(result.ruleResults[0]).toMatchObject({ passed: false, detail: expect.stringMatching(/./) });
});

test.each<[string, string]>([
  ['reads a file', '{% include "/etc/passwd" %}'],
  ['renders another', '{% render "other" %}'],
  ['uses what it did not declare', 'Hello {{ secret }}'],
  ['never ends', '{% if true %}Hello'],
])('a template that %s is refused', async (_, body) => {
  const before = await footprint(fleet, tenant.tenantId);
  const wish = { name: `t-${randomUUID()}`, channel: 'in_app', body, variables: ['name'] };
  const answer = await post('/v1/notification-templates', wish);
  expect(answer.body).toMatchObject({ status: 400, reason: 'TEMPLATE_INVALID' });
  expect(await footprint(fleet, tenant.tenantId)).toEqual(before);
});

test.each<[string, string]>([
  ['counts to a milliard', '{% for i in (1..1000000000) %}x{% endfor %}'],
  ['loops in loops', '{% for a in (1..9999) %}{% for b in (1..9999) %}x{{ a }}{% endfor %}{% endfor %}'],
  ['doubles itself', `{% assign x = "aaaaaaaaaa" %}${'{% assign x = x | append: x %}'.repeat(40)}{{ x }}`],
  ['reaches for the constructor', '{{ name.constructor.constructor }}'],
])('a template that %s makes no message: it fails with the reason', async (_, body) => {
  const wish = { name: `t-${randomUUID()}`, channel: 'in_app', body, variables: body.includes('name') ? ['name'] : [] };
  const template = await ok('/v1/notification-templates', wish);
  const before = await footprint(fleet, tenant.tenantId);
  const sent = await post('/v1/notifications', {
    recipientId: tenant.userId,
    templateId: template.id,
    variables: Object.fromEntries(wish.variables.map((name) => [name, 'Ada'])),
  });
  expect(sent.body).toMatchObject({ status: 400, reason: 'TEMPLATE_FAILED' });
  expect(await footprint(fleet, tenant.tenantId)).toEqual(before);
});

test('a schema that explodes does not hold up whoever starts a run', async () => {
  const schema = { type: 'object', properties: { text: { type: 'string', pattern: '^(a+)+$' } } };
  const definition = { input: { schema }, ...steps(decision('a', 'true')) };
  const { id } = await ok('/v1/workflows', { name: 'W', slug: `s-${randomUUID()}`, definition });
  await ok(`/v1/workflows/${id}:activate`, {});
  const before = await footprint(fleet, tenant.tenantId);
  const refused = await post(`/v1/workflows/${id}:start`, { input: { text: `${'a'.repeat(50_000)}!` } });
  expect(refused.body).toMatchObject({ status: 400, reason: 'INPUT_INVALID' });
  expect(await footprint(fleet, tenant.tenantId)).toEqual(before);
});
