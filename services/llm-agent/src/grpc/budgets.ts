import type { BudgetService } from '@flotilla/contracts/agent';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { createBudget } from '../commands/create-budget.ts';
import { deleteBudget } from '../commands/delete-budget.ts';
import { updateBudget } from '../commands/update-budget.ts';
import { findBudget, listBudgetPeriods, listBudgets } from '../db/budget-repository.ts';
import type { Schema } from '../db/schema.ts';
import { budgetNotFound } from '../domain/not-found.ts';
import {
  toBudgetMessage,
  toBudgetWish,
  toLevel,
  toLimitsChange,
  toSpendingMessage,
} from '../messages/budget-message.ts';

export function budgets(
  db: Database<Schema>,
  keeping: { readonly now: () => Date; readonly newId: () => string },
): ServiceImplementation<typeof BudgetService> {
  return {
    getBudget: (request, call) =>
      db.read(call, async (tx) => {
        const budget = await findBudget(tx, request.id);
        if (budget === undefined) throw budgetNotFound();
        return toBudgetMessage(budget);
      }),

    listBudgets: (request, call) =>
      db.read(call, async (tx) => {
        const size = pageSizeOf(request.pageSize);
        const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
        const { rows, nextPageToken } = toPage(await listBudgets(tx, toLevel(request.level), page), size);
        return { budgets: rows.map(toBudgetMessage), nextPageToken };
      }),

    createBudget: (request, call) =>
      db.write(call, async (tx) => toBudgetMessage(await createBudget(keeping, tx, toBudgetWish(request)))),

    updateBudget: (request, call) =>
      db.write(call, async (tx) => {
        const { id, etag } = request;
        return toBudgetMessage(await updateBudget(tx, { id, etag, change: toLimitsChange(request) }));
      }),

    deleteBudget: (request, call) =>
      db.write(call, async (tx) => {
        await deleteBudget(keeping, tx, request);
        return {};
      }),

    listBudgetPeriods: (request, call) =>
      db.read(call, async (tx) => {
        if ((await findBudget(tx, request.budgetId)) === undefined) throw budgetNotFound();
        const size = pageSizeOf(request.pageSize);
        const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
        const { rows, nextPageToken } = toPage(await listBudgetPeriods(tx, request.budgetId, page), size);
        return { periods: rows.map(toSpendingMessage), nextPageToken };
      }),
  };
}
