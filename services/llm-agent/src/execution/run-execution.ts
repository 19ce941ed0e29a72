import { setTimeout as delay } from 'node:timers/promises';
import type { Task } from '../commands/start-execution.ts';
import type { OpenedAttempt } from '../db/attempt-repository.ts';
import type { StoredExecution } from '../db/execution-repository.ts';
import { CallRefused } from '../domain/budget.ts';
import type { Ending } from '../domain/execution.ts';
import { filesIn } from '../domain/input.ts';
import { recordedProviderName } from '../domain/replay.ts';
import { nothing, reservationFor } from '../domain/reservation.ts';
import { delayBeforeRetry, type RetryPolicy } from '../domain/retry.ts';
import { createRecordedRoutes, createRoutes, type Route } from '../domain/routing.ts';
import { type Charge, chargeNothing, chargeReserved, chargeUsed, type Settlement } from '../domain/settlement.ts';
import { noTokens } from '../domain/tokens.ts';
import type { Meters } from '../metrics.ts';
import type { ModelCall } from '../providers/model-provider.ts';
import type { Providers } from '../providers/providers.ts';
import type { ToolPort } from '../tools/tool-port.ts';
import { askProvider, type Outcome } from './ask-provider.ts';
import { callTools, declareTools } from './call-tools.ts';
import { firstCall, repairCall, toolsCall } from './conversation.ts';
import { judge, judgeRefusal, judgeStop, type Verdict } from './judge.ts';
import { createRunJournal, type RunJournal, type RunJournalOptions } from './run-journal.ts';
import { RunStopped } from './runs.ts';

/** What running executions needs from outside. */
export interface Executing extends RunJournalOptions {
  readonly providers: Providers;
  readonly retry: RetryPolicy;
  readonly tools: ToolPort;
  readonly meters: Meters;
  readonly start: { readonly defaultMaxTokens: number };
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
    const ending = { status: 'failed', reason: 'INTERNAL', message: 'Something went wrong on our side.' } as const;
    return await journal
      .opened()
      .then((opened) =>
        journal.end(ending, { ...chargeReserved(opened), status: 'unknown', errorReason: ending.reason }),
      )
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
  const declared = await declareTools(tools, task, { signal, log: executing.log });
  if (declared === undefined) {
    const neverAsked = { ...chargeUsed(await journal.opened(), noTokens), status: 'failed' } as const;
    const ending = signal.aborted ? stopOf().ending : toolsUnknown;
    return journal.end(ending, { ...neverAsked, errorReason: toolsUnknown.reason });
  }
  const routes = task.recorded ? createRecordedRoutes(task.recorded.routes) : createRoutes(task.route, task.routing);
  let call = firstCall(content, declared, context, execution);
  let repaired = false;
  let iteration = 0;
  /** Of this round: rounds of tool calls begin anew. */
  for (let attempt = 1; ; attempt += 1) {
    const route = routes.current;
    const label = task.recorded ? recordedProviderName : executing.providers.labelOf(route.provider);
    const opened = await journal.opened();
    const asked = { route, label, call: bounded(call, opened) };
    const outcome = await ask(executing, task, asked, signal, journal);
    const verdict =
      outcome.kind === 'stopped'
        ? stopOf()
        : judge(outcome, content.outputSchema, { made: iteration, max: task.maxIterations });
    const settlement = settlementOf(executing, { provider: label, opened }, outcome, verdict);
    const hopped = routes.hop(verdict.next === 'repair' ? '' : verdict.reason);
    const delayMs = hopped ? 0 : delayBeforeNext(verdict);
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
    // Each route has the attempts of the agent's limits.
    if (hopped) attempt = 0;
    const because = verdict.next === 'tools' ? 'TOOL_CALLS' : verdict.reason;
    const reservation = task.recorded ? nothing : reservationFor(call, executing.start.defaultMaxTokens);
    try {
      await journal.begin(because, routes.current, reservation);
    } catch (error) {
      if (!(error instanceof CallRefused)) throw error;
      await executing.announcer.refused(task.scope, error);
      return journal.end(judgeRefusal(error));
    }

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
  { scope, routing: { cacheTtlMs }, recorded }: Task,
  { route: { provider, model }, label, call }: { route: Route; label: string; call: ModelCall },
  signal: AbortSignal,
  journal: RunJournal,
): Promise<Outcome> {
  if (signal.aborted) return { kind: 'stopped', asked: false };
  const timer = meters.attemptSeconds.startTimer({ provider: label });
  const files = call.messages.flatMap(({ parts }) => filesIn(parts));
  const find = async () => recorded?.provider ?? providers.find(scope, provider, model, { cacheTtlMs, files });
  const outcome = await askProvider(find, { ...call, model }, { signal, onText: journal.say });
  timer();
  return outcome;
}

/** A call that a budget bounds has an end, also where the agent sets none. */
function bounded(call: ModelCall, { reservation }: OpenedAttempt): ModelCall {
  if (reservation === undefined || reservation === nothing) return call;
  return { ...call, parameters: { ...call.parameters, maxTokens: reservation.completionTokens } };
}

function chargeOf(outcome: Outcome, opened: OpenedAttempt): Charge {
  switch (outcome.kind) {
    case 'answer':
      return outcome.cached ? chargeNothing : chargeUsed(opened, outcome);
    case 'overrun':
      return chargeReserved(opened, outcome.tokens);
    case 'failure':
      if (outcome.failure.reason === 'PROVIDER_CIRCUIT_OPEN') return chargeNothing;
      return outcome.begun ? chargeReserved(opened) : chargeUsed(opened, noTokens);
    case 'stopped':
      return outcome.asked ? chargeReserved(opened) : chargeUsed(opened, noTokens);
  }
}

const toolsUnknown = {
  status: 'failed',
  reason: 'TOOLS_UNAVAILABLE',
  message: "The agent's tools could not be looked up.",
} as const satisfies Ending;

function settlementOf(
  { meters }: Executing,
  { provider, opened }: { provider: string; opened: OpenedAttempt },
  outcome: Outcome,
  verdict: Verdict,
): Settlement {
  meters.attempts.inc({ provider, outcome: verdict.reason || 'SUCCEEDED' });
  const charge = chargeOf(outcome, opened);
  meters.tokens.inc({ provider, kind: 'prompt' }, charge.promptTokens);
  meters.tokens.inc({ provider, kind: 'completion' }, charge.completionTokens);
  return {
    ...charge,
    status: verdict.reason === '' ? 'succeeded' : 'failed',
    errorReason: verdict.reason,
    cached: outcome.kind === 'answer' && outcome.cached,
    ...(verdict.ending.status === 'completed' ? {} : answerOf(outcome)),
  };
}

function answerOf(outcome: Outcome): Pick<Settlement, 'answer'> {
  switch (outcome.kind) {
    case 'answer':
      return { answer: { text: outcome.text, cutOff: outcome.cutOff, toolCalls: outcome.toolCalls } };
    case 'overrun':
      return { answer: { text: outcome.text, cutOff: true, toolCalls: [] } };
    default:
      return {};
  }
}
