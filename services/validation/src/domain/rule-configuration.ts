import { AppError, type Violation } from '@flotilla/errors';
import {
  compileExpression,
  compilePattern,
  type Expression,
  type JsonObject,
  type JsonValue,
  type Pattern,
} from '@flotilla/expressions';
import type { RuleType } from './rule.ts';

/** A configuration that can be run. */
export type RuleConfiguration = LengthRule | RegexRule | CustomRule | CompositeRule;

export interface LengthRule {
  readonly kind: 'length';
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly unit: 'characters' | 'words';
}

export interface RegexRule {
  readonly kind: 'regex';
  readonly pattern: Pattern;
  readonly mustMatch: boolean;
}

export interface CustomRule {
  readonly kind: 'custom';
  readonly expression: Expression<boolean>;
}

export interface CompositeRule {
  readonly kind: 'composite';
  readonly operator: 'and' | 'or' | 'not' | 'weighted';
  readonly rules: readonly { readonly ruleId: string; readonly weight: number | undefined }[];
  /** For weighted ones: the share that passes. */
  readonly threshold: number;
}

const maxLength = 1_000_000;
const maxMembers = 50;
const operators = ['and', 'or', 'not', 'weighted'] as const;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Reads a configuration strictly: what is unknown, missing or cannot work is refused with its place.
 * Whether the rules of a composite exist and form no cycle is asked of {@link checkMembers}.
 */
export function parseConfiguration(ruleType: RuleType, configuration: JsonObject): RuleConfiguration {
  const reader = createReader(configuration);
  switch (ruleType) {
    case 'length':
      return parseLength(reader);
    case 'regex': {
      const text = reader.text('pattern');
      const flags = reader.optionalText('flags') ?? '';
      const mustMatch = reader.flag('mustMatch') ?? true;
      reader.finish(['pattern', 'flags', 'mustMatch']);
      return { kind: 'regex', mustMatch, pattern: compilePattern(text, { flags, field: 'configuration.pattern' }) };
    }
    case 'custom': {
      const text = reader.text('expression');
      reader.finish(['expression']);
      return { kind: 'custom', expression: compileRule(text) };
    }
    case 'composite':
      return parseComposite(reader);
    case 'nlp':
      throw new AppError('failed_precondition', 'RULE_TYPE_UNAVAILABLE', 'Language analysis is not available yet.');
  }
}

function compileRule(text: string): Expression<boolean> {
  return compileExpression(text, {
    variables: { content: 'string', output: 'dyn', context: 'map' },
    result: 'bool',
    field: 'configuration.expression',
  });
}

function parseLength(reader: Reader): LengthRule {
  const min = reader.integer('min', 0, maxLength);
  const max = reader.integer('max', 0, maxLength);
  const unit = reader.oneOf('unit', ['characters', 'words'] as const) ?? 'characters';
  if (min === undefined && max === undefined) reader.refuse('', 'min or max is needed');
  if (min !== undefined && max !== undefined && min > max) reader.refuse('min', 'min is larger than max');
  reader.finish(['min', 'max', 'unit']);
  return { kind: 'length', min, max, unit };
}

function parseComposite(reader: Reader): CompositeRule {
  const operator = reader.oneOf('operator', operators);
  if (operator === undefined) reader.refuse('operator', `one of ${operators.join(', ')} is needed`);
  const rules = reader.list('rules').map((member, index) => {
    const inner = createReader(isObject(member) ? member : {}, `configuration.rules[${index}]`);
    const ruleId = inner.text('ruleId').toLowerCase();
    if (!uuid.test(ruleId)) inner.refuse('ruleId', 'a rule id is needed');
    const weight = inner.number('weight', 0, 1);
    inner.finish(['ruleId', 'weight']);
    return { ruleId, weight };
  });
  if (rules.length === 0 || rules.length > maxMembers) reader.refuse('rules', `1 to ${maxMembers} rules are needed`);
  if (operator === 'not' && rules.length > 1) reader.refuse('rules', 'not takes one rule');
  if (new Set(rules.map(({ ruleId }) => ruleId)).size < rules.length)
    reader.refuse('rules', 'a rule stands there twice');
  const threshold = reader.number('threshold', 0, 1);
  if (threshold !== undefined && operator !== 'weighted') reader.refuse('threshold', 'only weighted has a threshold');
  reader.finish(['operator', 'rules', 'threshold']);
  return { kind: 'composite', operator: operator ?? 'and', rules, threshold: threshold ?? 0.7 };
}

type Reader = ReturnType<typeof createReader>;

/** Collects what is wrong and throws it all at the end; until then it answers harmless values. */
function createReader(source: JsonObject, path = 'configuration') {
  const violations: Violation[] = [];
  const refuse = (key: string, message: string): void => {
    violations.push({ field: key === '' ? path : `${path}.${key}`, reason: 'RULE_CONFIGURATION_INVALID', message });
  };
  const optionalText = (key: string): string | undefined => {
    const value = source[key];
    if (value === undefined || typeof value === 'string') return value;
    refuse(key, 'a text is needed');
    return undefined;
  };
  const number = (key: string, min: number, max: number): number | undefined => {
    const value = source[key];
    if (value === undefined) return undefined;
    if (typeof value === 'number' && value >= min && value <= max) return value;
    refuse(key, `a number from ${min} to ${max} is needed`);
    return undefined;
  };
  return {
    refuse,
    optionalText,
    number,
    text(key: string): string {
      const value = optionalText(key);
      if (value === undefined || value === '') refuse(key, 'a text is needed');
      return value ?? '';
    },
    integer(key: string, min: number, max: number): number | undefined {
      const value = number(key, min, max);
      if (value !== undefined && !Number.isInteger(value)) refuse(key, 'a whole number is needed');
      return value;
    },
    flag(key: string): boolean | undefined {
      const value = source[key];
      if (value === undefined || typeof value === 'boolean') return value;
      refuse(key, 'true or false is needed');
      return undefined;
    },
    oneOf<const Words extends readonly string[]>(key: string, words: Words): Words[number] | undefined {
      const value = optionalText(key);
      if (value === undefined || words.includes(value)) return value;
      refuse(key, `one of ${words.join(', ')} is needed`);
      return undefined;
    },
    list(key: string): readonly JsonValue[] {
      const value = source[key];
      if (Array.isArray(value)) return value;
      refuse(key, 'a list is needed');
      return [];
    },
    finish(known: readonly string[]): void {
      for (const key of Object.keys(source)) if (!known.includes(key)) refuse(key, 'unknown');
      if (violations.length === 0) return;
      const words = violations.map(({ field, message }) => `${field}: ${message}`).join('; ');
      throw new AppError('invalid_argument', 'RULE_CONFIGURATION_INVALID', `${words}.`, { violations });
    },
  };
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
