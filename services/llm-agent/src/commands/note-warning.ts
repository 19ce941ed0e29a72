import { BudgetWarningSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { findBudget, markWarned } from '../db/budget-repository.ts';
import type { Schema } from '../db/schema.ts';
import { toSpendingEvent } from '../messages/budget-message.ts';

/** Warns that a share of a budget is spent, once in a period. */
export async function noteWarning(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  periodId: string,
): Promise<void> {
  const spending = await markWarned(tx, periodId, now());
  if (spending === undefined) return;
  const budget = await findBudget(tx, spending.budgetId);
  if (budget === undefined) return;
  await appendEvent(tx, { schema: BudgetWarningSchema, message: toSpendingEvent(budget, spending), id: budget.id });
}
