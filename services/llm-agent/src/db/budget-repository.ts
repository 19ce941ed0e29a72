import { after, type Cursor, expectOneRow, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { Budget, BudgetLevel, BudgetSpending, Refusal } from '../domain/budget.ts';
import { toDecimal } from './execution-repository.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'level',
  'subject_id',
  'period',
  'limit_tokens',
  'limit_usd_micros',
  'warn_percent',
  'created_by',
  'created_at',
  'updated_at',
  'revision',
] as const;

const spendingColumns = [
  'id',
  'budget_id',
  'subject_id',
  'period_start',
  'spent_tokens',
  'spent_usd',
  'reserved_tokens',
  'reserved_usd',
  'warned_at',
  'exceeded_at',
] as const;

/** In place of an id: each one of the level, the tenant itself, or nobody. */
export const zeroId = '00000000-0000-0000-0000-000000000000';
/** Where totals begin. */
const epoch = '2000-01-01';

/** Throws already_exists BUDGET_EXISTS when another one won the race: the index budgets_subject decides. */
export async function insertBudget(tx: Tx<Schema>, budget: Budget): Promise<Budget> {
  const row = await tx
    .insertInto('budgets')
    .values({
      ...toLimits(budget),
      id: budget.id,
      tenant_id: tx.scope.tenantId,
      level: budget.level,
      subject_id: budget.subjectId ?? zeroId,
      period: budget.period,
      created_by: budget.createdBy,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toBudget(row);
}

export async function findBudget(tx: ReadTx<Schema>, id: string): Promise<Budget | undefined> {
  const row = await live(tx).where('id', '=', id).executeTakeFirst();
  return row && toBudget(row);
}

/** The budget, locked until commit. */
export async function lockBudget(tx: Tx<Schema>, id: string): Promise<Budget | undefined> {
  const row = await live(tx).where('id', '=', id).forUpdate().executeTakeFirst();
  return row && toBudget(row);
}

/** Newest first. Uses budgets_newest. */
export async function listBudgets(
  tx: ReadTx<Schema>,
  level: BudgetLevel | undefined,
  page: { cursor: Cursor | undefined; limit: number },
): Promise<Budget[]> {
  let query = live(tx).where(after<Schema, 'budgets'>('desc', page.cursor));
  if (level !== undefined) query = query.where('level', '=', level);
  return (await query.orderBy('id', 'desc').limit(page.limit).execute()).map(toBudget);
}

/** Writes a changed budget, which this transaction has locked. */
export async function updateBudget(tx: Tx<Schema>, budget: Budget): Promise<Budget> {
  const row = await tx
    .updateTable('budgets')
    .set({ ...toLimits(budget), revision: budget.revision + 1 })
    .where('id', '=', budget.id)
    .where('revision', '=', budget.revision)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toBudget(row);
}

export async function markBudgetDeleted(tx: Tx<Schema>, budget: Budget, now: Date): Promise<void> {
  const result = await tx
    .updateTable('budgets')
    .set({ deleted_at: now, revision: budget.revision + 1 })
    .where('id', '=', budget.id)
    .where('revision', '=', budget.revision)
    .executeTakeFirst();
  expectOneRow(result);
}

/** Newest first. */
export async function listBudgetPeriods(
  tx: ReadTx<Schema>,
  budgetId: string,
  page: { cursor: Cursor | undefined; limit: number },
): Promise<BudgetSpending[]> {
  const rows = await tx
    .selectFrom('budget_periods')
    .select(spendingColumns)
    .where('budget_id', '=', budgetId)
    .where(after<Schema, 'budget_periods'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toSpending);
}

/** What was told of the running periods does not count for the changed budget. Locks the periods. */
export async function forgetAnnouncements(tx: Tx<Schema>, budgetId: string): Promise<void> {
  await sql`
    update budget_periods set warned_at = null, exceeded_at = null where id in (
      select id from budget_periods where budget_id = ${budgetId}::uuid order by id for update)`.execute(tx);
}

/** Notes that a call was refused; undefined when that was noted in this period before. */
export async function markExceeded(tx: Tx<Schema>, refusal: Refusal, now: Date): Promise<BudgetSpending | undefined> {
  const { budgetId, level, period, subjectId, at } = refusal;
  const { rows } = await sql<{ id: string }>`
    select id from lock_budget_period(${budgetId}, ${level}, ${period}, ${subjectId}, ${at})`.execute(tx);
  return mark(tx, rows[0]?.id ?? zeroId, 'exceeded_at', now);
}

/** Notes that enough is spent to warn; undefined when that was noted in this period before. */
export async function markWarned(tx: Tx<Schema>, periodId: string, now: Date): Promise<BudgetSpending | undefined> {
  return mark(tx, periodId, 'warned_at', now);
}

async function mark(
  tx: Tx<Schema>,
  periodId: string,
  column: 'warned_at' | 'exceeded_at',
  now: Date,
): Promise<BudgetSpending | undefined> {
  const row = await tx
    .updateTable('budget_periods')
    .set({ [column]: now })
    .where('id', '=', periodId)
    .where(column, 'is', null)
    .returning(spendingColumns)
    .executeTakeFirst();
  return row && toSpending(row);
}

const live = (tx: ReadTx<Schema>) => tx.selectFrom('budgets').select(columns).where('deleted_at', 'is', null);

function toLimits({ limitTokens, limitUsdMicros, warnPercent }: Budget) {
  return { limit_tokens: limitTokens ?? null, limit_usd_micros: limitUsdMicros ?? null, warn_percent: warnPercent };
}

function toBudget(row: Pick<Selectable<Schema['budgets']>, (typeof columns)[number]>): Budget {
  return {
    id: row.id,
    level: row.level,
    subjectId: toSubject(row.subject_id),
    period: row.period,
    limitTokens: row.limit_tokens ?? undefined,
    limitUsdMicros: row.limit_usd_micros ?? undefined,
    warnPercent: row.warn_percent,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: row.revision,
  };
}

function toSpending(row: Pick<Selectable<Schema['budget_periods']>, (typeof spendingColumns)[number]>): BudgetSpending {
  return {
    id: row.id,
    budgetId: row.budget_id,
    subjectId: toSubject(row.subject_id),
    periodStart: row.period_start === epoch ? undefined : row.period_start,
    spentTokens: row.spent_tokens,
    spentUsd: toDecimal(row.spent_usd) ?? '0',
    reservedTokens: row.reserved_tokens,
    reservedUsd: toDecimal(row.reserved_usd) ?? '0',
    warnedAt: row.warned_at ?? undefined,
    exceededAt: row.exceeded_at ?? undefined,
  };
}

const toSubject = (id: string) => (id === zeroId ? undefined : id);
