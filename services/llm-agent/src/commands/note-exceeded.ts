import { BudgetExceededSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { findBudget, markExceeded } from '../db/budget-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Refusal } from '../domain/budget.ts';
import { toSpendingEvent } from '../messages/budget-message.ts';

/** Tells that a call was refused, once in a period. In a transaction of its own: the refused call's is rolled back. */
export async function noteExceeded(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  refusal: Refusal,
): Promise<void> {
  const spending = await markExceeded(tx, refusal, now());
  if (spending === undefined) return;
  const budget = await findBudget(tx, spending.budgetId);
  if (budget === undefined) return;
  await appendEvent(tx, { schema: BudgetExceededSchema, message: toSpendingEvent(budget, spending), id: budget.id });
}
