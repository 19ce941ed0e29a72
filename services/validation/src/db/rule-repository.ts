import type { JsonObject } from '@flotilla/expressions';
import { after, type Cursor, expectOneRow, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { NewRule, Rule, RuleState, RuleType } from '../domain/rule.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'name',
  'description',
  'rule_type',
  'configuration',
  'severity',
  'weight',
  'status',
  'revision',
  'created_at',
  'updated_at',
] as const;

type Row = Pick<Selectable<Schema['validation_rules']>, (typeof columns)[number]>;

/** Throws already_exists RULE_NAME_TAKEN when another one won the race: the index validation_rules_name decides. */
export async function insertRule(tx: Tx<Schema>, rule: NewRule): Promise<Rule> {
  const row = await tx
    .insertInto('validation_rules')
    .values({
      ...toRow(rule),
      id: rule.id,
      tenant_id: tx.scope.tenantId,
      rule_type: rule.ruleType,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toRule(row);
}

export async function findRule(tx: ReadTx<Schema>, id: string): Promise<Rule | undefined> {
  const row = await tx
    .selectFrom('validation_rules')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toRule(row);
}

/** The rule, locked until commit. */
export async function lockRule(tx: Tx<Schema>, id: string): Promise<Rule | undefined> {
  const row = await tx
    .selectFrom('validation_rules')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  return row && toRule(row);
}

export async function findRules(tx: ReadTx<Schema>, ids: readonly string[]): Promise<Rule[]> {
  if (ids.length === 0) return [];
  const rows = await tx
    .selectFrom('validation_rules')
    .select(columns)
    .where('id', 'in', ids)
    .where('deleted_at', 'is', null)
    .execute();
  return rows.map(toRule);
}

/** Those of the rules that exist, kept from being deleted until commit. In the order of their ids, so that two callers cannot wait for each other. */
export async function holdRules(tx: Tx<Schema>, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const rows = await tx
    .selectFrom('validation_rules')
    .select('id')
    .where('id', 'in', ids)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .forShare()
    .execute();
  return new Set(rows.map(({ id }) => id));
}

/** Composites of a tenant change one after the other: two at once could close a circle that neither sees. */
export async function lockComposites(tx: Tx<Schema>): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`validation composites ${tx.scope.tenantId}`}, 0))`.execute(
    tx,
  );
}

/** Writes a changed rule, which this transaction has locked. */
export async function updateRule(tx: Tx<Schema>, rule: Rule): Promise<Rule> {
  const row = await tx
    .updateTable('validation_rules')
    .set({ ...toRow(rule), revision: rule.revision + 1 })
    .where('id', '=', rule.id)
    .where('revision', '=', rule.revision)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toRule(row);
}

export async function markRuleDeleted(tx: Tx<Schema>, rule: Rule, now: Date): Promise<void> {
  const result = await tx
    .updateTable('validation_rules')
    .set({ deleted_at: now, revision: rule.revision + 1 })
    .where('id', '=', rule.id)
    .where('revision', '=', rule.revision)
    .executeTakeFirst();
  expectOneRow(result);
}

/** The name of an active scoring model or of a composite that names this rule. Goes through the tenant's own, which are few. */
export async function findUserOfRule(tx: ReadTx<Schema>, ruleId: string): Promise<string | undefined> {
  const named = JSON.stringify([{ ruleId }]);
  const { rows } = await sql<{ name: string }>`
    select name from scoring_models where deleted_at is null and status = 'active' and rules @> ${named}::jsonb
    union all
    select name from validation_rules
    where deleted_at is null and rule_type = 'composite' and configuration -> 'rules' @> ${named}::jsonb
    limit 1`.execute(tx);
  return rows[0]?.name;
}

/** Newest first: ids sort by time. Uses the index validation_rules_newest. */
export async function listRules(
  tx: ReadTx<Schema>,
  filter: { ruleType: RuleType | undefined; status: RuleState | undefined },
  page: { cursor: Cursor | undefined; limit: number },
): Promise<Rule[]> {
  let query = tx.selectFrom('validation_rules').select(columns).where('deleted_at', 'is', null);
  if (filter.ruleType !== undefined) query = query.where('rule_type', '=', filter.ruleType);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  const rows = await query
    .where(after<Schema, 'validation_rules'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toRule);
}

function toRow(rule: NewRule) {
  return {
    name: rule.name,
    description: rule.description,
    configuration: JSON.stringify(rule.configuration),
    severity: rule.severity,
    weight: rule.weight,
    status: rule.status,
  };
}

function toRule(row: Row): Rule {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    ruleType: row.rule_type,
    configuration: row.configuration as JsonObject,
    severity: row.severity,
    weight: row.weight,
    status: row.status,
    revision: row.revision,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
