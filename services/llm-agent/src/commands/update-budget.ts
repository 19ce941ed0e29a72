import { BudgetUpdatedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { forgetAnnouncements, lockBudget, updateBudget as saveBudget } from '../db/budget-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Budget, BudgetLimits } from '../domain/budget.ts';
import { budgetNotFound } from '../domain/not-found.ts';
import { toBudgetMessage } from '../messages/budget-message.ts';

export async function updateBudget(
  tx: Tx<Schema>,
  { id, etag, change }: { id: string; etag: string; change: Partial<BudgetLimits> },
): Promise<Budget> {
  // Periods first, as calls that settle lock them.
  await forgetAnnouncements(tx, id);
  const budget = await lockBudget(tx, id);
  if (budget === undefined) throw budgetNotFound();
  checkRevision(budget, etag);
  const saved = await saveBudget(tx, { ...budget, ...change });
  await appendEvent(tx, { schema: BudgetUpdatedSchema, message: { budget: toBudgetMessage(saved) }, id });
  return saved;
}
