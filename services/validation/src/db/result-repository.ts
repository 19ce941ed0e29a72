import { after, type Cursor, type ReadTx, type Selectable, type Tx } from '@flotilla/postgres';
import type { ValidationResult } from '../domain/validation-result.ts';
import type { Outcome, RuleResult } from '../domain/verdict.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'source_type',
  'source_id',
  'scoring_model_id',
  'scoring_model_version',
  'content',
  'overall_score',
  'outcome',
  'rule_results',
  'validated_at',
] as const;

type Row = Pick<Selectable<Schema['validation_results']>, (typeof columns)[number]>;

export async function insertResult(tx: Tx<Schema>, result: ValidationResult): Promise<void> {
  await tx
    .insertInto('validation_results')
    .values({
      id: result.id,
      tenant_id: tx.scope.tenantId,
      source_type: result.sourceType,
      source_id: result.sourceId,
      scoring_model_id: result.scoringModelId,
      scoring_model_version: result.scoringModelVersion,
      content: result.content,
      overall_score: result.overallScore,
      outcome: result.outcome,
      rule_results: JSON.stringify(result.ruleResults),
      validated_at: result.validatedAt,
    })
    .execute();
}

export async function findResult(tx: ReadTx<Schema>, id: string): Promise<ValidationResult | undefined> {
  const row = await tx.selectFrom('validation_results').select(columns).where('id', '=', id).executeTakeFirst();
  return row && toResult(row);
}

/** Newest first: ids sort by time. Uses validation_results_source with a source, else validation_results_newest. */
export async function listResults(
  tx: ReadTx<Schema>,
  filter: { sourceType: string; sourceId: string; outcome: Outcome | undefined },
  page: { cursor: Cursor | undefined; limit: number },
): Promise<ValidationResult[]> {
  let query = tx.selectFrom('validation_results').select(columns);
  if (filter.sourceType !== '') query = query.where('source_type', '=', filter.sourceType);
  if (filter.sourceId !== '') query = query.where('source_id', '=', filter.sourceId);
  if (filter.outcome !== undefined) query = query.where('outcome', '=', filter.outcome);
  const rows = await query
    .where(after<Schema, 'validation_results'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toResult);
}

function toResult(row: Row): ValidationResult {
  return {
    id: row.id,
    sourceType: row.source_type,
    sourceId: row.source_id,
    scoringModelId: row.scoring_model_id,
    scoringModelVersion: row.scoring_model_version,
    content: row.content,
    overallScore: row.overall_score,
    outcome: row.outcome,
    ruleResults: row.rule_results as unknown as readonly RuleResult[],
    validatedAt: row.validated_at,
  };
}
