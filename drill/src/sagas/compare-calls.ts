import { type Finding, found } from './finding.ts';
import type { BudgetRow, LedgerRow, Stores } from './stores.ts';

/** Calls at the provider: its bill against the ledger of llm-agent, and both against the budgets. */
export function calls({ ledger, bill, budgets }: Stores): Finding[] {
  const models = new Set([...ledger, ...bill].map(({ model }) => model));
  return [
    ...[...models].flatMap((model) => {
      const lines = ledger.filter((line) => line.model === model);
      const hits = bill.filter((hit) => hit.model === model);
      const succeeded = lines.filter(({ status }) => status === 'succeeded').length;
      const answered = hits.filter((hit) => hit.answered).length;
      const open = lines.filter(({ status }) => status === 'started').length;
      return [
        ...(hits.length > lines.length
          ? [
              found(
                'lost',
                `${model}: the provider was asked ${hits.length} times, the ledger has ${lines.length} lines`,
              ),
            ]
          : []),
        ...(succeeded > answered
          ? [found('doubled', `${model}: the ledger has ${succeeded} answers, the provider gave ${answered}`)]
          : []),
        ...(open > 0 ? [found('lost', `${model}: ${open} calls in the ledger never came to an end`)] : []),
      ];
    }),
    ...budgets.flatMap((budget) => {
      const lines = ledger.filter(({ agentId }) => budget.agentId === null || agentId === budget.agentId);
      const hits = bill.filter(({ model }) => budget.model === null || model === budget.model);
      return overspent(budget, lines, sum(hits.map(({ tokens }) => tokens)));
    }),
  ];
}

/** What the ledger has, calls under way with all that they may cost, and what the provider charges: neither goes beyond the limit. */
function overspent(budget: BudgetRow, lines: readonly LedgerRow[], charged: number): Finding[] {
  const { limitTokens, limitUsdMicros, spentTokens, spentUsdMicros } = budget;
  const model = budget.model ?? 'all agents';
  const tokens = sum(lines.map((line) => line.tokens));
  const usdMicros = Math.round(sum(lines.map((line) => line.usdMicros)));
  const beyond = (unit: string, limit: number | null, spent: number, by: string) =>
    limit !== null && spent > limit
      ? [found('budgetOvershoot', `${model}: ${spent} ${unit} of ${limit} were spent, says ${by}`)]
      : [];
  const unlike = (unit: string, counted: number, spent: number) =>
    counted === spent
      ? []
      : [found('budgetOvershoot', `${model}: the budget counts ${counted} ${unit} as spent, its ledger has ${spent}`)];
  return [
    ...beyond('tokens', limitTokens, tokens, 'the ledger'),
    ...beyond('tokens', limitTokens, charged, 'the provider'),
    ...beyond('micro-dollars', limitUsdMicros, usdMicros, 'the ledger'),
    // A token costs a micro-dollar where money is counted.
    ...beyond('micro-dollars', limitUsdMicros, charged, 'the provider'),
    ...unlike('tokens', spentTokens, tokens),
    ...unlike('micro-dollars', Math.round(spentUsdMicros), usdMicros),
    ...(charged > tokens
      ? [found('lost', `${model}: the provider charges ${charged} tokens, the ledger has ${tokens}`)]
      : []),
  ];
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
