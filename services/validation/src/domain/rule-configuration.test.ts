import type { JsonObject } from '@flotilla/expressions';
import { expect, test } from 'vitest';
import { checkMembers } from './composite-members.ts';
import type { Rule, RuleType } from './rule.ts';
import { parseConfiguration } from './rule-configuration.ts';

const id = (index: number): string => `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`;

test.each<[RuleType, JsonObject, string]>([
  ['length', {}, 'min or max is needed'],
  ['length', { min: 5, max: 2 }, 'min is larger than max'],
  ['length', { min: 1.5 }, 'a whole number is needed'],
  ['length', { min: -1 }, 'a number from 0'],
  ['length', { min: 1, unit: 'furlongs' }, 'one of characters, words is needed'],
  ['length', { min: 1, extra: true }, 'configuration.extra: unknown'],
  ['regex', {}, 'configuration.pattern: a text is needed'],
  ['regex', { pattern: 'a', mustMatch: 'yes' }, 'true or false is needed'],
  ['composite', { operator: 'and', rules: [] }, '1 to 50 rules are needed'],
  ['composite', { operator: 'xor', rules: [{ ruleId: id(1) }] }, 'one of and, or, not, weighted'],
  ['composite', { operator: 'and', rules: [{ ruleId: 'x' }] }, 'a rule id is needed'],
  ['composite', { operator: 'and', rules: ['x'] }, 'a text is needed'],
  ['composite', { operator: 'not', rules: [{ ruleId: id(1) }, { ruleId: id(2) }] }, 'not takes one rule'],
  ['composite', { operator: 'and', rules: [{ ruleId: id(1) }, { ruleId: id(1) }] }, 'a rule stands there twice'],
  ['composite', { operator: 'or', rules: [{ ruleId: id(1) }], threshold: 0.5 }, 'only weighted has a threshold'],
])('%s %j is refused: %s', (ruleType, configuration, message) => {
  expect(() => parseConfiguration(ruleType, configuration)).toThrowError(
    expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining(message) }),
  );
});

test('a pattern and an expression are refused with their place', () => {
  expect(() => parseConfiguration('regex', { pattern: '(a' })).toThrowError(
    expect.objectContaining({
      reason: 'PATTERN_INVALID',
      violations: [expect.objectContaining({ field: 'configuration.pattern' })],
    }),
  );
  expect(() => parseConfiguration('custom', { expression: 'content.size() > ' })).toThrowError(
    expect.objectContaining({ reason: 'EXPRESSION_INVALID', message: expect.stringContaining('Line 1, column') }),
  );
  expect(() => parseConfiguration('custom', { expression: 'content.size()' })).toThrowError(
    expect.objectContaining({ message: expect.stringContaining('a bool is needed') }),
  );
});

test('language analysis is said to be missing', () => {
  expect(() => parseConfiguration('nlp', { kind: 'sentiment' })).toThrowError(
    expect.objectContaining({ code: 'failed_precondition', reason: 'RULE_TYPE_UNAVAILABLE' }),
  );
});

function composite(own: string, ...members: string[]): Rule {
  const rules = members.map((ruleId) => ({ ruleId }));
  return rule(own, 'composite', { operator: 'and', rules });
}

function rule(own: string, ruleType: RuleType, configuration: JsonObject): Rule {
  const now = new Date(0);
  return {
    id: own,
    name: `rule ${Number(own.slice(-12))}`,
    description: '',
    ruleType,
    configuration,
    severity: 'error',
    weight: 1,
    status: 'active',
    revision: 1,
    createdAt: now,
    updatedAt: now,
  };
}

const byId = (...rules: Rule[]) => new Map(rules.map((each) => [each.id, each]));

test('a composite that would stand on itself is refused and the circle is named', () => {
  const changed = composite(id(1), id(2));
  expect(() => checkMembers(changed, byId(composite(id(2), id(3)), composite(id(3), id(1))))).toThrowError(
    expect.objectContaining({
      reason: 'RULE_CYCLE',
      message: expect.stringContaining('rule 1 → rule 2 → rule 3 → rule 1'),
    }),
  );
  expect(() => checkMembers(composite(id(1), id(1)), byId())).toThrowError(
    expect.objectContaining({ reason: 'RULE_CYCLE' }),
  );
});

test('a missing member, five levels and no more', () => {
  expect(() => checkMembers(composite(id(1), id(9)), byId())).toThrowError(
    expect.objectContaining({ reason: 'RULE_MEMBER_NOT_FOUND' }),
  );
  const leaf = rule(id(99), 'length', { min: 1 });
  const chain = (length: number) =>
    Array.from({ length }, (_, index) => composite(id(index + 2), index + 1 === length ? id(99) : id(index + 3)));
  expect(() => checkMembers(composite(id(1), id(2)), byId(...chain(4), leaf))).not.toThrow();
  expect(() => checkMembers(composite(id(1), id(2)), byId(...chain(5), leaf))).toThrowError(
    expect.objectContaining({ reason: 'RULE_TOO_DEEP' }),
  );
});

test('a shared member is no cycle', () => {
  const shared = rule(id(4), 'length', { min: 1 });
  const both = byId(composite(id(2), id(4)), composite(id(3), id(4)), shared);
  expect(() => checkMembers(composite(id(1), id(2), id(3)), both)).not.toThrow();
});
