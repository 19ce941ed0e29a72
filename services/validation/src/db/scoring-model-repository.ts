import { after, type Cursor, expectOneRow, type ReadTx, type Selectable, type Tx } from '@flotilla/postgres';
import type { ModelState, NewScoringModel, ScoringModel } from '../domain/scoring-model.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'name',
  'rules',
  'pass_threshold',
  'warning_threshold',
  'version',
  'status',
  'revision',
  'created_at',
  'updated_at',
] as const;

type Row = Pick<Selectable<Schema['scoring_models']>, (typeof columns)[number]>;

/** Throws already_exists SCORING_MODEL_NAME_TAKEN when another one won the race: the index scoring_models_name decides. */
export async function insertScoringModel(tx: Tx<Schema>, model: NewScoringModel): Promise<ScoringModel> {
  const row = await tx
    .insertInto('scoring_models')
    .values({
      ...toRow(model),
      id: model.id,
      tenant_id: tx.scope.tenantId,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toScoringModel(row);
}

export async function findScoringModel(tx: ReadTx<Schema>, id: string): Promise<ScoringModel | undefined> {
  const row = await tx
    .selectFrom('scoring_models')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toScoringModel(row);
}

/** The model, locked until commit. */
export async function lockScoringModel(tx: Tx<Schema>, id: string): Promise<ScoringModel | undefined> {
  const row = await tx
    .selectFrom('scoring_models')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  return row && toScoringModel(row);
}

/** Writes what `changeScoringModel` decided about a model that this transaction has locked. */
export async function updateScoringModel(tx: Tx<Schema>, model: ScoringModel): Promise<ScoringModel> {
  const row = await tx
    .updateTable('scoring_models')
    .set({ ...toRow(model), revision: model.revision + 1 })
    .where('id', '=', model.id)
    .where('revision', '=', model.revision)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toScoringModel(row);
}

export async function markScoringModelDeleted(tx: Tx<Schema>, model: ScoringModel, now: Date): Promise<void> {
  const result = await tx
    .updateTable('scoring_models')
    .set({ deleted_at: now, revision: model.revision + 1 })
    .where('id', '=', model.id)
    .where('revision', '=', model.revision)
    .executeTakeFirst();
  expectOneRow(result);
}

/** Newest first: ids sort by time. Uses the index scoring_models_newest. */
export async function listScoringModels(
  tx: ReadTx<Schema>,
  filter: { status: ModelState | undefined },
  page: { cursor: Cursor | undefined; limit: number },
): Promise<ScoringModel[]> {
  let query = tx.selectFrom('scoring_models').select(columns).where('deleted_at', 'is', null);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  const rows = await query
    .where(after<Schema, 'scoring_models'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toScoringModel);
}

function toRow(model: NewScoringModel) {
  return {
    name: model.name,
    rules: JSON.stringify(model.rules),
    pass_threshold: model.passThreshold,
    warning_threshold: model.warningThreshold,
    version: model.version,
    status: model.status,
  };
}

function toScoringModel(row: Row): ScoringModel {
  const rules = row.rules as readonly { ruleId: string; weight?: number }[];
  return {
    id: row.id,
    name: row.name,
    rules: rules.map(({ ruleId, weight }) => ({ ruleId, weight })),
    passThreshold: row.pass_threshold,
    warningThreshold: row.warning_threshold,
    version: row.version,
    status: row.status,
    revision: row.revision,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
