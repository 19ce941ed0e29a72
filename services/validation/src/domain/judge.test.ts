import type { JsonObject } from '@flotilla/expressions';
import { describe, expect, test } from 'vitest';
import { createJudge, type Subject, weightedShare } from './judge.ts';
import type { Rule, RuleType } from './rule.ts';
import { changeScoringModel, newScoringModel, type ScoringModel } from './scoring-model.ts';
import { toRuleResult, verdictOf } from './verdict.ts';

const now = new Date('2026-01-01T00:00:00Z');
const id = (index: number): string => `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`;

function rule(index: number, ruleType: RuleType, configuration: JsonObject, more: Partial<Rule> = {}): Rule {
  return {
    id: id(index),
    name: `rule ${index}`,
    description: '',
    ruleType,
    configuration,
    severity: 'error',
    weight: 1,
    status: 'active',
    revision: 1,
    createdAt: now,
    updatedAt: now,
    ...more,
  };
}

const subject = (content: string, more: Partial<Subject> = {}): Subject => ({
  content,
  output: null,
  context: {},
  ...more,
});

const judgeOne = (about: Subject, top: Rule, ...others: Rule[]) =>
  createJudge(new Map([top, ...others].map((each) => [each.id, each])), about)(top);

const yes = (index: number, more?: Partial<Rule>) => rule(index, 'length', { min: 0 }, more);
const no = (index: number, more?: Partial<Rule>) => rule(index, 'length', { min: 1_000 }, more);
const impossible = (index: number) => rule(index, 'custom', { expression: 'output.missing == 1' });
const composite = (index: number, operator: string, members: number[], more: JsonObject = {}) =>
  rule(index, 'composite', { operator, rules: members.map((member) => ({ ruleId: id(member) })), ...more });

describe('single rules', () => {
  test.each<[RuleType, JsonObject, string, boolean]>([
    ['length', { min: 3 }, 'héé', true],
    ['length', { max: 1 }, '😀', true],
    ['length', { min: 2, max: 3, unit: 'words' }, 'two  words', true],
    ['length', { min: 3, unit: 'words' }, 'two  words', false],
    ['regex', { pattern: 'cve-\\d+', flags: 'i' }, 'CVE-1', true],
    ['regex', { pattern: 'TODO', mustMatch: false }, 'no TODO left', false],
    ['custom', { expression: 'content.contains("a")' }, 'abc', true],
  ])('%s %j of %j passes: %s', (ruleType, configuration, content, passed) => {
    expect(judgeOne(subject(content), rule(1, ruleType, configuration))).toMatchObject({
      passed,
      score: passed ? 1 : 0,
    });
  });

  test('every id of the answer must occur in the input', () => {
    const grounded = rule(1, 'custom', { expression: 'output.cves.all(id, context.input.contains(id))' });
    const context = { input: 'fixes CVE-2026-1 and CVE-2026-2' };
    expect(judgeOne(subject('', { output: { cves: ['CVE-2026-1'] }, context }), grounded).passed).toBe(true);
    expect(judgeOne(subject('', { output: { cves: ['CVE-1999-9'] }, context }), grounded)).toMatchObject({
      passed: false,
      undecided: false,
    });
  });

  test('a rule that does not suit the text has not passed and says why', () => {
    expect(judgeOne(subject('x'), impossible(1))).toMatchObject({ passed: false, undecided: true });
    const costly = rule(1, 'regex', { pattern: 'a[ab]{900}c', mustMatch: false });
    expect(judgeOne(subject('ab'.repeat(200_000)), costly)).toMatchObject({
      passed: false,
      undecided: true,
      detail: expect.stringContaining('too large for a text'),
    });
  });
});

describe('composites', () => {
  const all = [yes(1), no(2), yes(3), impossible(4), no(5, { status: 'inactive' })];
  test.each<[string, number[], boolean, number]>([
    ['and', [1, 3], true, 1],
    ['and', [1, 2], false, 0],
    ['or', [1, 2], true, 1],
    ['or', [2], false, 0],
    ['not', [2], true, 1],
    ['not', [1], false, 0],
    ['or', [1, 4], true, 1],
    ['not', [4], false, 0],
    ['and', [1, 5], true, 1],
    ['and', [5], false, 0],
    ['weighted', [1, 2, 3], false, 2 / 3],
  ])('%s of %j passes: %s', (operator, members, passed, score) => {
    const finding = judgeOne(subject('text'), composite(10, operator, members), ...all);
    expect(finding.passed).toBe(passed);
    expect(finding.score).toBeCloseTo(score);
  });

  test('weights and threshold decide a weighted one', () => {
    const weighted = rule(10, 'composite', {
      operator: 'weighted',
      rules: [
        { ruleId: id(1), weight: 0.9 },
        { ruleId: id(2), weight: 0.1 },
      ],
      threshold: 0.9,
    });
    expect(judgeOne(subject('text'), weighted, ...all)).toMatchObject({ passed: true, score: 0.9 });
  });

  test('a rule that cannot be run does not pass by being negated twice', () => {
    const inner = composite(11, 'not', [4]);
    expect(judgeOne(subject('text'), composite(10, 'not', [11]), inner, ...all)).toMatchObject({ passed: false });
  });

  test('fifty composites over fifty composites run each rule once', () => {
    const layer = (from: number, below: number[]) =>
      Array.from({ length: 50 }, (_, index) => composite(from + index, 'and', below));
    const numbers = (from: number) => Array.from({ length: 50 }, (_, index) => from + index);
    const bottom = Array.from({ length: 50 }, (_, index) => yes(100 + index));
    const layers = [...bottom, ...layer(200, numbers(100)), ...layer(300, numbers(200)), ...layer(400, numbers(300))];
    const started = performance.now();
    expect(judgeOne(subject('text'), composite(1, 'and', numbers(400)), ...layers).passed).toBe(true);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test('a circle, should one exist, ends', () => {
    expect(judgeOne(subject('text'), composite(1, 'or', [2]), composite(2, 'or', [1])).passed).toBe(false);
  });
});

describe('verdicts', () => {
  const model: ScoringModel = {
    ...newScoringModel({ name: 'm', rules: [{ ruleId: id(1), weight: undefined }] }, id(0)),
    revision: 1,
    createdAt: now,
    updatedAt: now,
  };
  const verdict = (...parts: [number, boolean][]) =>
    verdictOf(
      model,
      parts.map(([weight, passed]) =>
        toRuleResult(rule(1, 'length', { min: 0 }), weight, {
          passed,
          score: passed ? 1 : 0,
          detail: '',
          undecided: false,
        }),
      ),
    );

  test('thresholds make the outcome', () => {
    expect(verdict([0.7, true], [0.3, false])).toMatchObject({ overallScore: 0.7, outcome: 'passed' });
    expect(verdict([0.1, true], [0.6, true], [0.3, false])).toMatchObject({ overallScore: 0.7, outcome: 'passed' });
    expect(verdict([0.5, true], [0.5, false])).toMatchObject({ outcome: 'warning' });
    expect(verdict([0.49, true], [0.51, false])).toMatchObject({ outcome: 'failed' });
    expect(verdict([0, true], [0, false])).toMatchObject({ overallScore: 0.5 });
  });

  test('shares stay between 0 and 1', () => {
    expect(weightedShare([0.1, 0.2, 0.3].map((weight) => ({ weight, value: 1 })))).toBe(1);
  });

  test('only what changes verdicts makes a new version', () => {
    expect(changeScoringModel(model, { name: 'other' })).toMatchObject({ version: 1 });
    expect(changeScoringModel(model, { passThreshold: 0.9 })).toMatchObject({ version: 2 });
    expect(changeScoringModel(model, { rules: [{ ruleId: id(1), weight: 0.5 }] }).version).toBe(2);
    expect(changeScoringModel(model, { rules: [...model.rules] }).version).toBe(1);
  });

  test('impossible models are refused', () => {
    const invalid = expect.objectContaining({ reason: 'SCORING_MODEL_INVALID' });
    expect(() => changeScoringModel(model, { warningThreshold: 0.8 })).toThrowError(invalid);
    expect(() => changeScoringModel(model, { rules: [...model.rules, ...model.rules] })).toThrowError(invalid);
  });
});
