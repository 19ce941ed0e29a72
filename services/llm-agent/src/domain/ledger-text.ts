import type { ProviderAttempt } from './execution.ts';

export type LedgerFormat = 'csv' | 'json lines';

/** Columns of an exported ledger, in order. Amounts are decimals, prices micro-dollars for a million tokens. */
const columns: Readonly<Record<string, (line: ProviderAttempt) => string | number | boolean | bigint | undefined>> = {
  id: (line) => line.id,
  day: (line) => line.startedAt.toISOString().slice(0, 10),
  start_time: (line) => line.startedAt.toISOString(),
  complete_time: (line) => line.completedAt?.toISOString(),
  execution_id: (line) => line.executionId,
  attempt: (line) => line.attempt,
  agent_id: (line) => line.agentId,
  user_id: (line) => line.userId,
  provider: (line) => line.provider,
  model: (line) => line.model,
  status: (line) => line.status,
  error_reason: (line) => line.errorReason,
  prompt_tokens: (line) => line.promptTokens,
  cached_prompt_tokens: (line) => line.cachedPromptTokens,
  completion_tokens: (line) => line.completionTokens,
  usage_estimated: (line) => line.usageEstimated,
  cost_usd: (line) => line.costUsd,
  input_usd_micros: (line) => line.price?.inputUsdMicros,
  cached_input_usd_micros: (line) => line.price?.cachedInputUsdMicros,
  output_usd_micros: (line) => line.price?.outputUsdMicros,
};

/** Lines of a ledger as text; pages one after the other are one file, so only the first has the names of the columns. */
export function writeLedger(lines: readonly ProviderAttempt[], format: LedgerFormat, isFirstPage: boolean): string {
  if (format === 'json lines') return lines.map((line) => `${JSON.stringify(toObject(line))}\n`).join('');
  const head = isFirstPage ? [Object.keys(columns)] : [];
  const rows = lines.map((line) => Object.values(columns).map((value) => toCell(value(line))));
  return [...head, ...rows].map((row) => `${row.join(',')}\r\n`).join('');
}

function toObject(line: ProviderAttempt): Record<string, unknown> {
  const values = Object.entries(columns).map(([name, value]) => [name, value(line)] as const);
  return Object.fromEntries(
    values.flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === 'bigint' ? Number(value) : value]],
    ),
  );
}

/** A text that a spreadsheet would take for a formula gets an apostrophe before it. */
function toCell(value: string | number | boolean | bigint | undefined): string {
  const text = String(value ?? '');
  const harmless = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
