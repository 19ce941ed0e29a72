import type { Finding } from './judge.ts';
import { weightedShare } from './judge.ts';
import type { Rule, RuleType, Severity } from './rule.ts';
import type { ScoringModel } from './scoring-model.ts';

export const outcomes = ['passed', 'failed', 'warning'] as const;
export type Outcome = (typeof outcomes)[number];

/** What one rule found, as kept with a verdict: the rule may change later. */
export interface RuleResult {
  readonly ruleId: string;
  readonly ruleName: string;
  readonly ruleType: RuleType;
  readonly severity: Severity;
  readonly passed: boolean;
  readonly score: number;
  readonly weight: number;
  readonly detail: string;
}

/** A judged text. */
export interface Verdict {
  readonly overallScore: number;
  readonly outcome: Outcome;
  readonly ruleResults: readonly RuleResult[];
}

const maxDetailLength = 2_000;

/** One rule's part in a verdict. */
export function toRuleResult(rule: Rule, weight: number, finding: Finding): RuleResult {
  const { passed, score, detail } = finding;
  return {
    ruleId: rule.id,
    ruleName: rule.name,
    ruleType: rule.ruleType,
    severity: rule.severity,
    passed,
    score,
    weight,
    detail: detail.length > maxDetailLength ? `${detail.slice(0, maxDetailLength)}…` : detail,
  };
}

/** The score is the weighted share of rules that passed; the thresholds alone make the outcome, whatever the severities. */
export function verdictOf(
  model: Pick<ScoringModel, 'passThreshold' | 'warningThreshold'>,
  ruleResults: readonly RuleResult[],
): Verdict {
  const overallScore = weightedShare(ruleResults.map(({ weight, passed }) => ({ weight, value: passed ? 1 : 0 })));
  return { overallScore, outcome: outcomeOf(model, overallScore), ruleResults };
}

function outcomeOf(model: Pick<ScoringModel, 'passThreshold' | 'warningThreshold'>, score: number): Outcome {
  if (score >= model.passThreshold) return 'passed';
  return score >= model.warningThreshold ? 'warning' : 'failed';
}
