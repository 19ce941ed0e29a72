import { AppError } from '@flotilla/errors';
import type { JsonObject } from '@flotilla/expressions';

export const ruleTypes = ['regex', 'nlp', 'length', 'custom', 'composite'] as const;
export type RuleType = (typeof ruleTypes)[number];

export const severities = ['error', 'warning', 'info'] as const;
export type Severity = (typeof severities)[number];

export const ruleStates = ['active', 'inactive'] as const;
export type RuleState = (typeof ruleStates)[number];

/** One thing that a text is checked for. */
export interface Rule {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly ruleType: RuleType;
  /** As its author wrote it; `parseConfiguration` knows what it means. */
  readonly configuration: JsonObject;
  /** For people and for routing. The verdict depends on weights and thresholds alone. */
  readonly severity: Severity;
  /** 0 to 1. */
  readonly weight: number;
  readonly status: RuleState;
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A rule as it is made: the database counts its revisions and says when. */
export type NewRule = Omit<Rule, 'revision' | 'createdAt' | 'updatedAt'>;

export function ruleNotFound(): AppError {
  return new AppError('not_found', 'RULE_NOT_FOUND', 'There is no such rule.');
}
