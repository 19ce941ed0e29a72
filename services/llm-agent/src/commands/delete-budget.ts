import { BudgetDeletedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { lockBudget, markBudgetDeleted } from '../db/budget-repository.ts';
import type { Schema } from '../db/schema.ts';
import { budgetNotFound } from '../domain/not-found.ts';
import { toBudgetMessage } from '../messages/budget-message.ts';

/** The row stays for the calls under way, which settle what they had reserved. */
export async function deleteBudget(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  { id, etag }: { id: string; etag: string },
): Promise<void> {
  const budget = await lockBudget(tx, id);
  if (budget === undefined) throw budgetNotFound();
  checkRevision(budget, etag);
  await markBudgetDeleted(tx, budget, now());
  await appendEvent(tx, { schema: BudgetDeletedSchema, message: { budget: toBudgetMessage(budget) }, id });
}
