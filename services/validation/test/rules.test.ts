import { randomUUID } from 'node:crypto';
import { RuleSeverity, RuleStatus, RuleType } from '@flotilla/contracts/validation';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startValidation, type Validation } from './harness.ts';

let validation: Validation;
beforeAll(async () => {
  validation = await startValidation();
});
afterAll(() => validation.stop());

const length = { ruleType: RuleType.LENGTH, configuration: { min: 1 } };

test('a rule is created, read, changed, listed and deleted, and each step is an event', async () => {
  const { rules } = validation;
  const created = await rules.createRule({ ...length, name: 'short', description: 'not empty', weight: 0.5 });
  expect(created).toMatchObject({ severity: RuleSeverity.ERROR, weight: 0.5, status: RuleStatus.ACTIVE, etag: '1' });
  expect(await rules.getRule({ id: created.id })).toEqual(created);
  const changed = await rules.updateRule({ id: created.id, configuration: { max: 5 }, etag: created.etag });
  expect(changed).toMatchObject({ name: 'short', configuration: { max: 5 }, etag: '2' });
  expect((await rules.listRules({ ruleType: RuleType.LENGTH })).rules).toContainEqual(changed);
  await rules.deleteRule({ id: created.id, etag: '2' });
  await expect(rules.getRule({ id: created.id })).rejects.toMatchObject({ reason: 'RULE_NOT_FOUND' });
  expect(await validation.eventsOf(created.id)).toEqual(['RuleCreated 1', 'RuleUpdated 2', 'RuleDeleted 3']);
});

test('a repeated creation answers the same rule; another request under the key is refused', async () => {
  const wish = { ...length, name: randomUUID() };
  const first = await validation.rules.createRule(wish, { idempotencyKey: 'rule-1' });
  expect(await validation.rules.createRule(wish, { idempotencyKey: 'rule-1' })).toEqual(first);
  const other = validation.rules.createRule({ ...wish, name: randomUUID() }, { idempotencyKey: 'rule-1' });
  await expect(other).rejects.toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED' });
});

test('a name is taken once, however many ask at once, and is free again after deletion', async () => {
  const wish = { ...length, name: randomUUID() };
  const answers = await Promise.allSettled(Array.from({ length: 8 }, () => validation.rules.createRule(wish)));
  const made = answers.filter((answer) => answer.status === 'fulfilled');
  expect(made).toHaveLength(1);
  for (const answer of answers) {
    if (answer.status === 'rejected') {
      expect(answer.reason).toMatchObject({ code: 'already_exists', reason: 'RULE_NAME_TAKEN' });
    }
  }
  await validation.rules.deleteRule({ id: made[0]?.value.id ?? '' });
  await expect(validation.rules.createRule(wish)).resolves.toMatchObject({ name: wish.name });
});

test('a stale ETag changes nothing', async () => {
  const rule = await validation.createRule('LENGTH', { min: 1 });
  await validation.rules.updateRule({ id: rule.id, weight: 0.1, etag: rule.etag });
  const stale = { code: 'aborted', reason: 'REVISION_MISMATCH' };
  await expect(validation.rules.updateRule({ id: rule.id, weight: 0.2, etag: rule.etag })).rejects.toMatchObject(stale);
  await expect(validation.rules.deleteRule({ id: rule.id, etag: rule.etag })).rejects.toMatchObject(stale);
  expect(await validation.rules.getRule({ id: rule.id })).toMatchObject({ weight: 0.1 });
});

test('the rules of another tenant do not exist, and its names are free', async () => {
  const rule = await validation.createRule('LENGTH', { min: 1 });
  const other = await validation.as({ tenantId: randomUUID() });
  const missing = { code: 'not_found', reason: 'RULE_NOT_FOUND' };
  await expect(other.rules.getRule({ id: rule.id })).rejects.toMatchObject(missing);
  await expect(other.rules.updateRule({ id: rule.id, weight: 0 })).rejects.toMatchObject(missing);
  await expect(other.rules.deleteRule({ id: rule.id })).rejects.toMatchObject(missing);
  const composite = { operator: 'and', rules: [{ ruleId: rule.id }] };
  const wish = { name: 'theirs', ruleType: RuleType.COMPOSITE, configuration: composite };
  await expect(other.rules.createRule(wish)).rejects.toMatchObject({ reason: 'RULE_MEMBER_NOT_FOUND' });
  const model = other.models.createScoringModel({ name: 'theirs', rules: [{ ruleId: rule.id }] });
  await expect(model).rejects.toMatchObject({ reason: 'SCORING_MODEL_INVALID' });
  await expect(other.rules.createRule({ ...length, name: rule.name })).resolves.toBeDefined();
  expect((await other.rules.listRules({})).rules).toHaveLength(1);
});

test.each([
  ['nlp', { ruleType: RuleType.NLP, configuration: {} }, 'RULE_TYPE_UNAVAILABLE'],
  ['a broken pattern', { ruleType: RuleType.REGEX, configuration: { pattern: '(' } }, 'PATTERN_INVALID'],
  ['a broken expression', { ruleType: RuleType.CUSTOM, configuration: { expression: '1 +' } }, 'EXPRESSION_INVALID'],
  ['an unknown key', { ruleType: RuleType.LENGTH, configuration: { min: 1, x: 1 } }, 'RULE_CONFIGURATION_INVALID'],
])('%s is refused', async (_, wish, reason) => {
  await expect(validation.rules.createRule({ ...wish, name: randomUUID() })).rejects.toMatchObject({ reason });
});

test('pages go through all rules once, newest first', async () => {
  const other = await validation.as({ tenantId: randomUUID() });
  for (let index = 0; index < 5; index++) await other.rules.createRule({ ...length, name: `rule ${index}` });
  const names: string[] = [];
  let pageToken = '';
  do {
    const page = await other.rules.listRules({ pageSize: 2, pageToken });
    names.push(...page.rules.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(names).toEqual(['rule 4', 'rule 3', 'rule 2', 'rule 1', 'rule 0']);
  await expect(other.rules.listRules({ pageToken: 'x' })).rejects.toMatchObject({ reason: 'PAGE_TOKEN_INVALID' });
});

describe('what rules stand on', () => {
  const composite = (...rules: { id: string }[]) => ({
    operator: 'and',
    rules: rules.map(({ id }) => ({ ruleId: id })),
  });

  test('two changes at once cannot close a circle', async () => {
    for (let round = 0; round < 5; round++) {
      const leaf = await validation.createRule('LENGTH', { min: 1 });
      const left = await validation.createRule('COMPOSITE', composite(leaf));
      const right = await validation.createRule('COMPOSITE', composite(leaf));
      const answers = await Promise.allSettled([
        validation.rules.updateRule({ id: left.id, configuration: composite(right) }),
        validation.rules.updateRule({ id: right.id, configuration: composite(left) }),
      ]);
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(answers).toContainEqual({
        status: 'rejected',
        reason: expect.objectContaining({ code: 'invalid_argument', reason: 'RULE_CYCLE' }),
      });
    }
  });

  test('a rule in use is not deleted, whoever comes first', async () => {
    for (let round = 0; round < 5; round++) {
      const rule = await validation.createRule('LENGTH', { min: 1 });
      const [model, deletion] = await Promise.allSettled([
        validation.createModel(rule),
        validation.rules.deleteRule({ id: rule.id }),
      ]);
      expect([model.status, deletion.status].sort()).toEqual(['fulfilled', 'rejected']);
      if (deletion.status === 'rejected') {
        expect(deletion.reason).toMatchObject({ code: 'failed_precondition', reason: 'RULE_IN_USE' });
      }
    }
    const member = await validation.createRule('LENGTH', { min: 1 });
    const top = await validation.createRule('COMPOSITE', composite(member));
    await expect(validation.rules.deleteRule({ id: member.id })).rejects.toMatchObject({ reason: 'RULE_IN_USE' });
    await validation.rules.deleteRule({ id: top.id });
    await validation.rules.deleteRule({ id: member.id });
  });
});
