import { setTimeout as delay } from 'node:timers/promises';
import type { Task } from '../commands/start-execution.ts';
import type { Settlement } from '../db/attempt-repository.ts';
import type { StoredExecution } from '../db/execution-repository.ts';
import { costOf, type Price } from '../domain/price.ts';
import { delayBeforeRetry, type RetryPolicy } from '../domain/retry.ts';
import { noTokens } from '../domain/tokens.ts';
import type { Meters } from '../metrics.ts';
import type { ModelProvider } from '../providers/model-provider.ts';
import type { Providers } from '../providers/providers.ts';
import type { ToolPort } from '../tools/tool-port.ts';
import { askProvider, type Outcome } from './ask-provider.ts';
import { callTools } from './call-tools.ts';
import { firstCall, repairCall, toolsCall } from './conversation.ts';
import { judge, judgeStop, type Verdict } from './judge.ts';
import { createRunJournal, type RunJournal, type RunJournalOptions } from './run-journal.ts';
import { RunStopped } from './runs.ts';

/** What running executions needs from outside. */
export interface Executing extends RunJournalOptions {
  readonly providers: Providers;
  readonly retry: RetryPolicy;
  readonly tools: ToolPort;
  readonly meters: Meters;
  /** 0 up to 1, for jitter. */
  readonly random: () => number;
}

/**
 * Runs an execution that `startExecution` has written down, to its end, and answers how it ended. Never rejects: what
 * cannot be written is left to the sweep, and undefined is answered.
 */
export async function runExecution(
  executing: Executing,
  task: Task,
  stopped: AbortSignal,
): Promise<StoredExecution | undefined> {
  const { log, meters } = executing;
  const executionId = task.execution.id;
  const controller = new AbortController();
  const abort = () => controller.abort();
  stopped.addEventListener('abort', abort, { once: true });
  const deadline = setTimeout(abort, Math.max(0, task.deadlineAt.getTime() - executing.now().getTime()));
  const stopOf = () => judgeStop(stopped.aborted ? (stopped.reason as RunStopped) : undefined);
  const journal = createRunJournal(executing, task);
  try {
    const ended = await attemptUntilDone(executing, task, journal, { signal: controller.signal, stopOf });
    const { status, errorReason: reason } = ended;
    meters.executions.inc({ status, reason });
    log.info({ executionId, status, reason }, 'an execution ended');
    return ended;
  } catch (error) {
    if (error instanceof RunStopped) {
      log.warn({ executionId }, 'an execution is not ours any more');
      return undefined;
    }
    log.error({ err: error, executionId }, 'an execution could not go on');
    return await journal
      .end({ status: 'failed', reason: 'INTERNAL', message: 'Something went wrong on our side.' }, unknownSettlement)
      .catch((again: unknown) => {
        log.error({ err: again, executionId }, 'an execution is left to the sweep');
        return undefined;
      });
  } finally {
    clearTimeout(deadline);
    stopped.removeEventListener('abort', abort);
  }
}

async function attemptUntilDone(
  executing: Executing,
  task: Task,
  journal: RunJournal,
  { signal, stopOf }: { signal: AbortSignal; stopOf: () => Verdict },
): Promise<StoredExecution> {
  const { content, context, execution, deadlineAt, maxAttempts } = task;
  const tools = task.recorded?.tools ?? executing.tools;
  const declared = content.tools.length === 0 ? [] : await tools.declare(task.scope, content.tools);
  const provider = task.recorded?.provider.name ?? executing.providers.labelOf(content.provider);
  let call = firstCall(content, declared, context, execution.prompt);
  let repaired = false;
  let price = await task.price;
  let iteration = 0;
  /** Of this round: rounds of tool calls begin anew. */
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await ask(executing, task, call, signal, journal);
    const verdict =
      outcome.kind === 'stopped'
        ? stopOf()
        : judge(outcome, content.outputSchema, { made: iteration, max: task.maxIterations });
    const settlement = settlementOf(executing, { provider, price }, outcome, verdict);
    const delayMs = delayBeforeNext(verdict);
    if (delayMs === undefined) return journal.end(verdict.ending, settlement);
    await journal.settle(settlement);
    await delay(task.recorded ? 0 : delayMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return journal.end(stopOf().ending);
    if (verdict.next === 'repair') {
      repaired = true;
      call = repairCall(call, verdict.answer, verdict.problems);
    }
    if (verdict.next === 'tools') {
      iteration += 1;
      attempt = 0;
      const round = {
        tools,
        declared,
        iteration,
        calls: verdict.calls,
        note: journal.noteTool,
        signal,
        log: executing.log,
      };
      call = toolsCall(call, verdict, await callTools(task, round));
      if (signal.aborted) return journal.end(stopOf().ending);
    }
    ({ price } = await journal.begin(verdict.next === 'tools' ? 'TOOL_CALLS' : verdict.reason));

    function delayBeforeNext(verdict: Verdict): number | undefined {
      if (verdict.next === 'end') return undefined;
      if (verdict.next === 'tools') return 0;
      if (verdict.next === 'repair') return repaired || attempt >= maxAttempts ? undefined : 0;
      return delayBeforeRetry(executing.retry, {
        attempt,
        maxAttempts,
        remainingMs: deadlineAt.getTime() - executing.now().getTime(),
        retryAfterMs: verdict.retryAfterMs,
        random: executing.random(),
      });
    }
  }
}

async function ask(
  { providers, meters }: Executing,
  { content, scope, recorded }: Task,
  call: Parameters<ModelProvider['ask']>[0],
  signal: AbortSignal,
  journal: RunJournal,
): Promise<Outcome> {
  if (signal.aborted) return { kind: 'stopped' };
  const label = recorded?.provider.name ?? providers.labelOf(content.provider);
  const timer = meters.attemptSeconds.startTimer({ provider: label });
  const find = async () => recorded?.provider ?? providers.find(scope, content.provider, content.model);
  const outcome = await askProvider(find, call, { signal, onText: journal.say });
  timer();
  return outcome;
}

const unknownSettlement: Settlement = {
  ...noTokens,
  status: 'unknown',
  costUsd: undefined,
  errorReason: 'INTERNAL',
};

function settlementOf(
  { meters }: Executing,
  { provider, price }: { provider: string; price: Price | undefined },
  outcome: Outcome,
  verdict: Verdict,
): Settlement {
  meters.attempts.inc({ provider, outcome: verdict.reason || 'SUCCEEDED' });
  const { promptTokens, cachedPromptTokens, completionTokens } = outcome.kind === 'answer' ? outcome : noTokens;
  const tokens = { promptTokens, cachedPromptTokens, completionTokens };
  meters.tokens.inc({ provider, kind: 'prompt' }, tokens.promptTokens);
  meters.tokens.inc({ provider, kind: 'completion' }, tokens.completionTokens);
  return {
    ...tokens,
    status: verdict.reason === '' ? 'succeeded' : 'failed',
    // What a call that broke off cost is not known.
    costUsd: outcome.kind === 'answer' ? costOf(price, tokens) : undefined,
    errorReason: verdict.reason,
    ...(outcome.kind === 'answer' && verdict.ending.status !== 'completed'
      ? { answer: { text: outcome.text, cutOff: outcome.cutOff, toolCalls: outcome.toolCalls } }
      : {}),
  };
}
