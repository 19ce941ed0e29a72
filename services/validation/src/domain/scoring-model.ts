import { AppError } from '@flotilla/errors';

export const modelStates = ['active', 'inactive'] as const;
export type ModelState = (typeof modelStates)[number];

/** A rule in a model. Without a weight of its own it has the rule's. */
export interface WeightedRule {
  readonly ruleId: string;
  readonly weight: number | undefined;
}

/** Weighs rules into one verdict. */
export interface ScoringModel {
  readonly id: string;
  readonly name: string;
  readonly rules: readonly WeightedRule[];
  readonly passThreshold: number;
  readonly warningThreshold: number;
  /** Grows with each change of rules or thresholds; results name it. */
  readonly version: number;
  readonly status: ModelState;
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A model as it is made: the database counts its revisions and says when. */
export type NewScoringModel = Omit<ScoringModel, 'revision' | 'createdAt' | 'updatedAt'>;

/** What can be changed; `undefined` leaves as is. */
export interface ScoringModelChange {
  readonly name?: string | undefined;
  readonly rules?: readonly WeightedRule[] | undefined;
  readonly passThreshold?: number | undefined;
  readonly warningThreshold?: number | undefined;
  readonly status?: ModelState | undefined;
}

/** Version 1 of a model. */
export function newScoringModel(
  wish: ScoringModelChange & { readonly name: string; readonly rules: readonly WeightedRule[] },
  id: string,
): NewScoringModel {
  const model: NewScoringModel = {
    id,
    name: wish.name,
    rules: wish.rules,
    passThreshold: wish.passThreshold ?? 0.7,
    warningThreshold: wish.warningThreshold ?? 0.5,
    version: 1,
    status: 'active',
  };
  checkModel(model);
  return model;
}

/** A changed model; what changes verdicts makes a new version. */
export function changeScoringModel(model: ScoringModel, change: ScoringModelChange): ScoringModel {
  const next: ScoringModel = {
    ...model,
    name: change.name ?? model.name,
    rules: change.rules ?? model.rules,
    passThreshold: change.passThreshold ?? model.passThreshold,
    warningThreshold: change.warningThreshold ?? model.warningThreshold,
    status: change.status ?? model.status,
  };
  checkModel(next);
  const same =
    next.passThreshold === model.passThreshold &&
    next.warningThreshold === model.warningThreshold &&
    sameRules(next.rules, model.rules);
  return { ...next, version: same ? model.version : model.version + 1 };
}

function checkModel(model: NewScoringModel): void {
  if (model.warningThreshold > model.passThreshold) {
    throw refusal('warning_threshold', 'The warning threshold is above the pass threshold.');
  }
  if (model.rules.length === 0) throw refusal('rules', 'At least one rule is needed.');
  if (new Set(model.rules.map(({ ruleId }) => ruleId)).size < model.rules.length) {
    throw refusal('rules', 'A rule stands there twice.');
  }
}

function refusal(field: string, message: string): AppError {
  return new AppError('invalid_argument', 'SCORING_MODEL_INVALID', message, {
    violations: [{ field, reason: 'SCORING_MODEL_INVALID', message }],
  });
}

function sameRules(left: readonly WeightedRule[], right: readonly WeightedRule[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ ruleId, weight }, index) => ruleId === right[index]?.ruleId && weight === right[index]?.weight)
  );
}

export function scoringModelNotFound(): AppError {
  return new AppError('not_found', 'SCORING_MODEL_NOT_FOUND', 'There is no such scoring model.');
}

/** Refuses a model whose rules do not all exist. */
export function checkRulesExist(model: Pick<ScoringModel, 'rules'>, existing: ReadonlySet<string>): void {
  const violations = model.rules.flatMap(({ ruleId }, index) =>
    existing.has(ruleId)
      ? []
      : [{ field: `rules[${index}].rule_id`, reason: 'RULE_NOT_FOUND', message: `There is no rule ${ruleId}.` }],
  );
  if (violations.length === 0) return;
  const words = violations.map(({ message }) => message).join(' ');
  throw new AppError('invalid_argument', 'SCORING_MODEL_INVALID', words, { violations });
}
