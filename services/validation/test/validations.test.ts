import { randomUUID } from 'node:crypto';
import { fromJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { RuleStatus, ScoringModelStatus, ValidationOutcome } from '@flotilla/contracts/validation';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startValidation, type Validation } from './harness.ts';

let validation: Validation;
beforeAll(async () => {
  validation = await startValidation();
});
afterAll(() => validation.stop());

const about = () => ({ sourceType: 'agent_response', sourceId: randomUUID() });

test('an answer that invents a CVE fails, with the finding; an honest one passes; both are kept and announced', async () => {
  const grounded = await validation.createRule('CUSTOM', {
    expression: 'output.cves.all(id, context.input.contains(id))',
  });
  const short = await validation.createRule('LENGTH', { max: 200 });
  const shaped = await validation.createRule('REGEX', { pattern: '"severity": ?"(low|high)"' });
  const all = await validation.createRule('COMPOSITE', {
    operator: 'and',
    rules: [{ ruleId: short.id }, { ruleId: shaped.id }],
  });
  const model = await validation.models.createScoringModel({
    name: 'release notes',
    rules: [
      { ruleId: grounded.id, weight: 0.6 },
      { ruleId: all.id, weight: 0.4 },
    ],
  });
  const context = { input: 'Fixes CVE-2026-0001.' };
  const ask = (cves: string[]) => {
    const output = { cves, severity: 'low' };
    return validation.validations.validateContent({
      scoringModelId: model.id,
      content: JSON.stringify(output),
      output: fromJson(ValueSchema, output),
      context,
      ...about(),
    });
  };
  const honest = await ask(['CVE-2026-0001']);
  expect(honest).toMatchObject({ overallScore: 1, outcome: ValidationOutcome.PASSED, scoringModelVersion: 1 });
  const invented = await ask(['CVE-1999-9999']);
  expect(invented).toMatchObject({ overallScore: 0.4, outcome: ValidationOutcome.FAILED });
  expect(invented.ruleResults.map(({ ruleName, passed, weight }) => [ruleName, passed, weight])).toEqual([
    [grounded.name, false, 0.6],
    [all.name, true, 0.4],
  ]);
  expect(await validation.validations.getValidationResult({ id: invented.id })).toEqual(invented);
  expect(await validation.eventsOf(invented.id)).toEqual(['ContentValidated 1']);
  const { validationResults } = await validation.validations.listValidationResults({
    sourceType: 'agent_response',
    sourceId: invented.sourceId,
    outcome: ValidationOutcome.FAILED,
  });
  expect(validationResults).toEqual([invented]);
});

test('a text without the expected shape fails the rule instead of the call', async () => {
  const rule = await validation.createRule('CUSTOM', { expression: 'output.cves.size() > 0' });
  const model = await validation.createModel(rule);
  const result = await validation.validations.validateContent({
    scoringModelId: model.id,
    content: 'garbage',
    ...about(),
  });
  expect(result).toMatchObject({ outcome: ValidationOutcome.FAILED });
  expect(result.ruleResults[0]?.detail).toContain('could not be applied');
});

test('between the thresholds lies a warning; a new version is named by what it judged', async () => {
  const yes = await validation.createRule('LENGTH', { min: 1 });
  const no = await validation.createRule('LENGTH', { min: 1_000 });
  const model = await validation.createModel(yes, no);
  const ask = () => validation.validations.validateContent({ scoringModelId: model.id, content: 'text', ...about() });
  expect(await ask()).toMatchObject({ overallScore: 0.5, outcome: ValidationOutcome.WARNING, scoringModelVersion: 1 });
  await validation.models.updateScoringModel({ id: model.id, passThreshold: 0.5, etag: model.etag });
  expect(await ask()).toMatchObject({ outcome: ValidationOutcome.PASSED, scoringModelVersion: 2 });
  await validation.rules.updateRule({ id: no.id, status: RuleStatus.INACTIVE });
  expect(await ask()).toMatchObject({ overallScore: 1 });
  await validation.rules.updateRule({ id: yes.id, status: RuleStatus.INACTIVE });
  await expect(ask()).rejects.toMatchObject({ code: 'failed_precondition', reason: 'SCORING_MODEL_EMPTY' });
});

test('a repeated call answers its first verdict, even after the model is gone', async () => {
  const rule = await validation.createRule('LENGTH', { min: 1 });
  const model = await validation.createModel(rule);
  const request = { scoringModelId: model.id, content: 'text', ...about() };
  const first = await validation.validations.validateContent(request, { idempotencyKey: 'verdict-1' });
  await validation.models.deleteScoringModel({ id: model.id });
  expect(await validation.validations.validateContent(request, { idempotencyKey: 'verdict-1' })).toEqual(first);
  await expect(validation.validations.validateContent(request)).rejects.toMatchObject({
    code: 'not_found',
    reason: 'SCORING_MODEL_NOT_FOUND',
  });
  expect(await validation.validations.getValidationResult({ id: first.id })).toEqual(first);
});

test('an inactive model judges nothing, and is not activated without its rules', async () => {
  const rule = await validation.createRule('LENGTH', { min: 1 });
  const model = await validation.createModel(rule);
  await validation.models.updateScoringModel({ id: model.id, status: ScoringModelStatus.INACTIVE });
  const request = { scoringModelId: model.id, content: 'text', ...about() };
  await expect(validation.validations.validateContent(request)).rejects.toMatchObject({
    reason: 'SCORING_MODEL_INACTIVE',
  });
  await validation.rules.deleteRule({ id: rule.id });
  const activation = validation.models.updateScoringModel({ id: model.id, status: ScoringModelStatus.ACTIVE });
  await expect(activation).rejects.toMatchObject({ reason: 'SCORING_MODEL_INVALID' });
});

test('results and models of another tenant do not exist; a reader may not judge', async () => {
  const rule = await validation.createRule('LENGTH', { min: 1 });
  const model = await validation.createModel(rule);
  const request = { scoringModelId: model.id, content: 'secret text', ...about() };
  const result = await validation.validations.validateContent(request);
  const other = await validation.as({ tenantId: randomUUID() });
  await expect(other.validations.getValidationResult({ id: result.id })).rejects.toMatchObject({ code: 'not_found' });
  await expect(other.validations.validateContent(request)).rejects.toMatchObject({ code: 'not_found' });
  await expect(other.models.getScoringModel({ id: model.id })).rejects.toMatchObject({ code: 'not_found' });
  expect((await other.validations.listValidationResults({})).validationResults).toEqual([]);
  const reader = await validation.as({ tenantId: validation.tenantId, permissions: ['validation:read'] });
  expect(await reader.validations.getValidationResult({ id: result.id })).toEqual(result);
  await expect(reader.validations.validateContent(request)).rejects.toMatchObject({ code: 'permission_denied' });
});

test('the text stays in the service: neither events nor captured changes hold it', async () => {
  const rule = await validation.createRule('LENGTH', { min: 1 });
  const model = await validation.createModel(rule);
  const canary = `canary-${randomUUID()}`;
  const request = { scoringModelId: model.id, content: canary, ...about() };
  const { id } = await validation.validations.validateContent(request);
  const rowsWith = (text: string) =>
    validation.database.query(
      `select 1 from (select payload, change from outbox union all select payload, change from outbox_sent) rows
       where position($1::bytea in coalesce(payload, '')) > 0 or position($2 in change::text) > 0`,
      [Buffer.from(text), text],
    );
  expect(await rowsWith(id)).toHaveLength(1);
  expect(await rowsWith(canary)).toEqual([]);
});

test('bombs leave a verdict and the service well', async () => {
  const regex = await validation.createRule('REGEX', { pattern: '^(a+)+$' });
  const large = await validation.createRule('REGEX', { pattern: 'a[ab]{900}c', mustMatch: false });
  const cel = await validation.createRule('CUSTOM', {
    expression: 'context.list.all(a, context.list.all(b, context.list.all(c, a + b + c >= 0)))',
  });
  const model = await validation.createModel(regex, large, cel);
  const result = await validation.validations.validateContent({
    scoringModelId: model.id,
    content: `${'ab'.repeat(200_000)}!`,
    context: { list: Array.from({ length: 1_000 }, (_, index) => index) },
    ...about(),
  });
  expect(result.ruleResults.map(({ passed }) => passed)).toEqual([false, false, false]);
  expect(result.outcome).toBe(ValidationOutcome.FAILED);
  await expect(validation.validations.listValidationResults({ pageSize: 1 })).resolves.toBeDefined();
});
