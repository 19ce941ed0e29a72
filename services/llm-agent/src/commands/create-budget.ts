import { BudgetCreatedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { findAgent } from '../db/agent-repository.ts';
import { insertBudget } from '../db/budget-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Budget, type BudgetWish, createBudget as decide } from '../domain/budget.ts';
import { agentNotFound } from '../domain/not-found.ts';
import { toBudgetMessage } from '../messages/budget-message.ts';

export async function createBudget(
  { now, newId }: { readonly now: () => Date; readonly newId: () => string },
  tx: Tx<Schema>,
  wish: BudgetWish,
): Promise<Budget> {
  const decided = decide(wish, { id: newId(), createdBy: tx.scope.actor.id, now: now() });
  if (wish.agentId !== undefined && (await findAgent(tx, wish.agentId)) === undefined) throw agentNotFound();
  const budget = await insertBudget(tx, decided);
  await appendEvent(tx, { schema: BudgetCreatedSchema, message: { budget: toBudgetMessage(budget) }, id: budget.id });
  return budget;
}
