import { AppError } from '@flotilla/errors';

export type BudgetLevel = 'tenant' | 'user' | 'agent' | 'execution';
export type BudgetPeriod = 'day' | 'month' | 'total';

/** What may be spent. At least one of the limits is set; both hold. */
export interface BudgetLimits {
  readonly limitTokens: bigint | undefined;
  readonly limitUsdMicros: bigint | undefined;
  readonly warnPercent: number;
}

export interface Budget extends BudgetLimits {
  readonly id: string;
  readonly level: BudgetLevel;
  /** The user or agent that it is for; undefined: for each of its level, counted one by one. */
  readonly subjectId: string | undefined;
  readonly period: BudgetPeriod;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly revision: number;
}

export interface BudgetWish {
  readonly level: BudgetLevel;
  readonly userId: string | undefined;
  readonly agentId: string | undefined;
  readonly period: BudgetPeriod;
  readonly limitTokens: bigint | undefined;
  readonly limitUsdMicros: bigint | undefined;
  readonly warnPercent: number | undefined;
}

/** What a subject has spent of a budget in a period, and what its calls under way may still spend. */
export interface BudgetSpending {
  readonly id: string;
  readonly budgetId: string;
  /** Undefined for the tenant. */
  readonly subjectId: string | undefined;
  /** The first day; undefined for a total. */
  readonly periodStart: string | undefined;
  readonly spentTokens: bigint;
  readonly spentUsd: string;
  readonly reservedTokens: bigint;
  readonly reservedUsd: string;
  readonly warnedAt: Date | undefined;
  readonly exceededAt: Date | undefined;
}

const defaultWarnPercent = 80;

export function createBudget(wish: BudgetWish, known: { id: string; createdBy: string; now: Date }): Budget {
  const { level, period, userId, agentId, limitTokens, limitUsdMicros, warnPercent = defaultWarnPercent } = wish;
  if (userId !== undefined && level !== 'user') {
    throw invalid('userId', 'A user is named by a budget of level user only.');
  }
  if (agentId !== undefined && level !== 'agent' && level !== 'execution') {
    throw invalid('agentId', 'An agent is named by a budget of level agent or execution only.');
  }
  if (level === 'execution' && period !== 'total') {
    throw invalid('period', 'A budget of an execution is for all of it: its period is total.');
  }
  if (limitTokens === undefined && limitUsdMicros === undefined) {
    throw invalid('limitTokens', 'A budget limits tokens, money or both.');
  }
  const { id, createdBy, now } = known;
  const subjectId = userId ?? agentId;
  const limits = { limitTokens, limitUsdMicros, warnPercent };
  return { id, level, subjectId, period, ...limits, createdBy, createdAt: now, updatedAt: now, revision: 1 };
}

function invalid(field: string, message: string): AppError {
  return new AppError('invalid_argument', 'BUDGET_INVALID', message, {
    violations: [{ field, reason: 'BUDGET_INVALID', message }],
  });
}

/** Why a call may not be made. */
export interface Refusal {
  readonly reason: 'BUDGET_EXCEEDED' | 'PRICE_UNKNOWN';
  readonly budgetId: string;
  readonly level: BudgetLevel;
  readonly period: BudgetPeriod;
  readonly subjectId: string;
  /** When it was to be made. */
  readonly at: string;
  /** Whether BudgetExceeded was told in this period already, or never is. */
  readonly announced: boolean;
  readonly unit?: string;
  readonly left?: string;
  readonly wanted?: string;
}

/** A call that a budget does not allow. Nothing was asked and nothing is written. */
export class CallRefused extends AppError {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, model: { readonly provider: string; readonly model: string }) {
    const budget = `The budget of this ${refusal.level} (${refusal.period})`;
    if (refusal.reason === 'PRICE_UNKNOWN') {
      const message = `${budget} counts money, and ${model.provider}/${model.model} has no price: add one.`;
      super('failed_precondition', 'PRICE_UNKNOWN', message);
    } else {
      const { left, unit, wanted } = refusal;
      super('budget_exceeded', 'BUDGET_EXCEEDED', `${budget} has ${left} ${unit} left; this call may need ${wanted}.`);
    }
    this.refusal = refusal;
  }
}
