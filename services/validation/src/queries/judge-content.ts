import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '@flotilla/errors';
import type { Database, ReadCall, ReadTx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { findScoringModel } from '../db/scoring-model-repository.ts';
import { createJudge, type Subject } from '../domain/judge.ts';
import type { Rule } from '../domain/rule.ts';
import { type ScoringModel, scoringModelNotFound } from '../domain/scoring-model.ts';
import { toRuleResult, type Verdict, verdictOf } from '../domain/verdict.ts';
import { loadReach } from './load-reach.ts';

/** A verdict and the version of the model that it comes from. */
export interface Judgement extends Verdict {
  readonly model: ScoringModel;
}

/**
 * Judges outside of any transaction: a rule may take half a second, a model may have a hundred. Between two rules
 * other calls get their turn, and a caller who has gone ends the work.
 */
export async function judgeContent(
  db: Database<Schema>,
  call: ReadCall & { readonly signal: AbortSignal },
  scoringModelId: string,
  subject: Subject,
): Promise<Judgement> {
  const { model, rules } = await db.read(call, (tx) => loadModel(tx, scoringModelId));
  const judge = createJudge(rules, subject);
  const ruleResults = [];
  for (const { ruleId, weight } of model.rules) {
    const rule = rules.get(ruleId);
    if (rule === undefined || rule.status !== 'active') continue;
    await nextTurn();
    call.signal.throwIfAborted();
    ruleResults.push(toRuleResult(rule, weight ?? rule.weight, judge(rule)));
  }
  if (ruleResults.length === 0) {
    throw new AppError(
      'failed_precondition',
      'SCORING_MODEL_EMPTY',
      'None of the rules of the scoring model is active.',
    );
  }
  return { model, ...verdictOf(model, ruleResults) };
}

async function loadModel(
  tx: ReadTx<Schema>,
  id: string,
): Promise<{ model: ScoringModel; rules: ReadonlyMap<string, Rule> }> {
  const model = await findScoringModel(tx, id);
  if (model === undefined) throw scoringModelNotFound();
  if (model.status !== 'active') {
    throw new AppError('failed_precondition', 'SCORING_MODEL_INACTIVE', 'The scoring model is not active.');
  }
  return {
    model,
    rules: await loadReach(
      tx,
      model.rules.map(({ ruleId }) => ruleId),
    ),
  };
}
