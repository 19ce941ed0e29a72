import { AppError } from '@flotilla/errors';
import type { JsonObject, JsonValue } from '@flotilla/expressions';
import type { Rule } from './rule.ts';
import {
  type CompositeRule,
  type LengthRule,
  parseConfiguration,
  type RuleConfiguration,
} from './rule-configuration.ts';

/** What is judged. */
export interface Subject {
  readonly content: string;
  /** The same as a value. */
  readonly output: JsonValue;
  readonly context: JsonObject;
}

/** What a rule found. */
export interface Finding {
  readonly passed: boolean;
  /** 0 to 1. */
  readonly score: number;
  /** For people, and for the agent that is asked again. */
  readonly detail: string;
  /** The rule could not be run on this text. It has not passed, and its negation has not either. */
  readonly undecided: boolean;
}

/** Runs rules over one subject, each at most once, however many composites name it. */
export function createJudge(rules: ReadonlyMap<string, Rule>, subject: Subject): (rule: Rule) => Finding {
  const found = new Map<string, Finding>();
  const running = new Set<string>();

  function judge(rule: Rule): Finding {
    const earlier = found.get(rule.id);
    if (earlier !== undefined) return earlier;
    if (running.has(rule.id)) return undecided('The rule stands on itself.');
    running.add(rule.id);
    const finding = decide(rule);
    running.delete(rule.id);
    found.set(rule.id, finding);
    return finding;
  }

  function decide(rule: Rule): Finding {
    try {
      return run(parseConfiguration(rule.ruleType, rule.configuration));
    } catch (error) {
      // A rule that does not suit this text is a finding about the text, not a failure of the service.
      if (error instanceof AppError) return undecided(`The rule could not be applied: ${error.message}`);
      throw error;
    }
  }

  function run(configuration: RuleConfiguration): Finding {
    switch (configuration.kind) {
      case 'length':
        return judgeLength(configuration, subject.content);
      case 'regex': {
        const occurs = configuration.pattern.occursIn(subject.content);
        const passed = occurs === configuration.mustMatch;
        return decided(passed, `The pattern ${configuration.pattern.text} ${occurs ? 'occurs' : 'does not occur'}.`);
      }
      case 'custom': {
        const passed = configuration.expression.evaluate({ ...subject });
        return decided(passed, `${configuration.expression.text} is ${passed}.`);
      }
      case 'composite':
        return judgeComposite(configuration, membersOf(configuration));
    }
  }

  function membersOf(configuration: CompositeRule): Member[] {
    return configuration.rules.flatMap(({ ruleId, weight }) => {
      const rule = rules.get(ruleId);
      if (rule === undefined)
        return [{ name: ruleId, weight: weight ?? 1, finding: undecided('There is no such rule.') }];
      return rule.status === 'active' ? [{ name: rule.name, weight: weight ?? rule.weight, finding: judge(rule) }] : [];
    });
  }

  return judge;
}

interface Member {
  readonly name: string;
  readonly weight: number;
  readonly finding: Finding;
}

function judgeLength({ min, max, unit }: LengthRule, content: string): Finding {
  const length = unit === 'words' ? (content.match(/\S+/g)?.length ?? 0) : Array.from(content).length;
  const passed = length >= (min ?? 0) && length <= (max ?? Number.POSITIVE_INFINITY);
  const wanted = [min === undefined ? '' : `at least ${min}`, max === undefined ? '' : `at most ${max}`];
  return decided(passed, `The text has ${length} ${unit}; wanted: ${wanted.filter((part) => part !== '').join(', ')}.`);
}

function judgeComposite({ operator, threshold }: CompositeRule, members: readonly Member[]): Finding {
  if (members.length === 0) return undecided('None of its rules is active.');
  const failed = members.filter(({ finding }) => !finding.passed);
  const scores = members.map(({ finding }) => finding.score);
  const isUndecided = members.some(({ finding }) => finding.undecided);
  const detail =
    failed.length === 0
      ? 'All of its rules pass.'
      : failed.map(({ name, finding }) => `${name}: ${finding.detail}`).join(' ');
  switch (operator) {
    case 'and':
      return { passed: failed.length === 0, score: Math.min(...scores), detail, undecided: isUndecided };
    case 'or': {
      const passed = failed.length < members.length;
      return { passed, score: Math.max(...scores), detail, undecided: !passed && isUndecided };
    }
    case 'not':
      if (isUndecided) return undecided(detail);
      return {
        passed: failed.length > 0,
        score: 1 - Math.max(...scores),
        detail: failed.length > 0 ? 'The rule that must not pass does not.' : 'The rule that must not pass does.',
        undecided: false,
      };
    case 'weighted': {
      const score = weightedShare(members.map(({ weight, finding }) => ({ weight, value: finding.score })));
      return {
        passed: score >= threshold,
        score,
        detail: `Scores ${score}, wanted ${threshold}. ${detail}`,
        undecided: isUndecided && score < threshold,
      };
    }
  }
}

/** Σ weight·value / Σ weight; where nothing weighs anything, all weigh alike. Rounded to nine places, so that 0.1 + 0.6 reaches 0.7. */
export function weightedShare(parts: readonly { readonly weight: number; readonly value: number }[]): number {
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  const share = parts.reduce(
    (sum, { weight, value }) => sum + value * (total === 0 ? 1 / parts.length : weight / total),
    0,
  );
  return Math.min(1, Math.round(share * 1e9) / 1e9);
}

function decided(passed: boolean, detail: string): Finding {
  return { passed, score: passed ? 1 : 0, detail, undecided: false };
}

function undecided(detail: string): Finding {
  return { passed: false, score: 0, detail, undecided: true };
}
