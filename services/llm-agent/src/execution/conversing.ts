import type { InputPart } from '@flotilla/contracts/agent';
import type { Call } from '@flotilla/grpc';
import { scopeOf } from '@flotilla/postgres';
import { awaitTurn } from '../commands/await-turn.ts';
import { keepSummary } from '../commands/keep-summary.ts';
import { startExecution } from '../commands/start-execution.ts';
import { TurnTaken, type TurnWish, takeTurn } from '../commands/take-turn.ts';
import { messagesOfTurn } from '../db/message-repository.ts';
import { leaveQueue } from '../db/turn-queue-repository.ts';
import type { Execution } from '../domain/execution.ts';
import type { Message } from '../domain/message.ts';
import { summaryPrompt } from '../domain/window.ts';
import { type DueSummary, findDueSummary } from '../queries/find-due-summary.ts';
import type { Begun, Executor, ExecutorOptions } from './executor.ts';
import type { FollowedNews } from './follow-execution.ts';

export type Saying = Omit<TurnWish, 'ticket' | 'input'> & { readonly parts: readonly InputPart[] };

/** Talks with agents for callers: each message is a turn, and each turn is an execution. */
export interface Conversing {
  send(call: Call, saying: Saying): Promise<{ execution: Execution; messages: readonly Message[] }>;
  stream(call: Call, saying: Saying & { cancelOnDisconnect: boolean }): AsyncIterable<FollowedNews>;
}

/** Who waits for a turn looks this many times before its place is taken to be abandoned. */
const looksBeforeGone = 20;

export function createConversing(options: ExecutorOptions, executor: Executor): Conversing {
  const { db, runs, start, lookEveryMs, log } = options;

  async function begin(call: Call, { parts, ...saying }: Saying): Promise<Begun> {
    const taken = await executor.takeIn(call, parts);
    if ('begun' in taken) return taken.begun;
    await sumUp(call, saying.conversationId);
    const wish = { ...saying, input: taken.input, ticket: start.newId() };
    let waited = false;
    try {
      for (;;) {
        try {
          return await executor.begin(call, (tx) => takeTurn(start, tx, wish));
        } catch (error) {
          if (!(error instanceof TurnTaken)) throw error;
        }
        waited = true;
        await untilFree(call, wish);
      }
    } finally {
      // A turn that was taken has left the queue; this is for whoever gives up. Otherwise the place lapses by itself.
      if (waited) {
        await db
          .inTenant(scopeOf(call), (tx) => leaveQueue(tx, wish.conversationId, wish.ticket))
          .catch((error: unknown) => log.warn({ err: error }, 'a place in a queue is left to lapse'));
      }
    }
  }

  async function untilFree(call: Call, wish: TurnWish): Promise<void> {
    const keepMs = Math.max(2_000, lookEveryMs * looksBeforeGone);
    for (;;) {
      call.signal.throwIfAborted();
      const { free, executionId, stop } = await db.inTenant(scopeOf(call), (tx) =>
        awaitTurn(start, tx, { ...wish, keepMs }),
      );
      if (free) return;
      if (stop && executionId !== undefined) runs.stop(executionId, 'cancelled');
      await runs.nextChange(executionId ?? wish.conversationId, lookEveryMs, call.signal);
    }
  }

  /** Where the agent should sum up what fell out of the window, it does so first. A turn goes on without, if it cannot. */
  async function sumUp(call: Call, conversationId: string): Promise<void> {
    const due = await db.read(call, (tx) => findDueSummary(tx, conversationId));
    if (due === undefined) return;
    const { execution } = await askForSummary(call, due);
    if (execution.status !== 'completed') {
      log.warn({ conversationId, executionId: execution.id, reason: execution.errorReason }, 'no summary was made');
      return;
    }
    await db.inTenant(scopeOf(call), (tx) => keepSummary(tx, due, execution.response));
  }

  async function askForSummary(call: Call, due: DueSummary): Promise<{ execution: Execution }> {
    const { idempotency: _, ...unkeyed } = call;
    const begun = await executor.begin(unkeyed, async (tx) => {
      const task = await startExecution(start, tx, {
        agentId: due.agentId,
        agentVersion: 0,
        prompt: summaryPrompt(due.summary, due.messages),
        splitKey: due.conversationId,
        conversationId: due.conversationId,
      });
      return { ...task, content: { ...task.content, outputSchema: undefined, tools: [] } };
    });
    return { execution: await executor.wait(unkeyed, begun) };
  }

  return {
    async send(call, saying) {
      const execution = await executor.wait(call, await begin(call, saying));
      const messages = await db.read(call, (tx) => messagesOfTurn(tx, saying.conversationId, execution.id));
      return { execution, messages };
    },
    async *stream(call, saying) {
      const { id } = await begin(call, saying);
      yield* executor.watch(call, id, saying);
    },
  };
}
