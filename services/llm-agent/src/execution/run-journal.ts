import { setTimeout as delay } from 'node:timers/promises';
import { toAppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import type { Database, GatheredWrites, Tx } from '@flotilla/postgres';
import { beginAttempt } from '../commands/begin-attempt.ts';
import { finishExecution } from '../commands/finish-execution.ts';
import { noteProgress } from '../commands/note-progress.ts';
import { noteToolCall, type ToolNote } from '../commands/note-tool-call.ts';
import { settleAttempt } from '../commands/settle-attempt.ts';
import type { Task } from '../commands/start-execution.ts';
import type { OpenedAttempt } from '../db/attempt-repository.ts';
import type { StoredExecution } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Ending, ExecutionTaken } from '../domain/execution.ts';
import { sumOfCosts } from '../domain/price.ts';
import { recordedProviderName } from '../domain/replay.ts';
import type { Reservation } from '../domain/reservation.ts';
import type { Hop, Route } from '../domain/routing.ts';
import type { Settlement } from '../domain/settlement.ts';
import type { Announcer } from './announcer.ts';
import { type AnswerLogOptions, createAnswerLog } from './answer-log.ts';
import { RunStopped, type Runs } from './runs.ts';

/** What a run writes down. Each write is a transaction of its own, none is open while a provider answers. */
export interface RunJournal {
  /** Text of the answer, for followers. */
  say(text: string): void;
  /** The attempt that is open. */
  opened(): Promise<OpenedAttempt>;
  /** The attempt that is open came to this. */
  settle(settlement: Settlement): Promise<void>;
  /** A tool is about to be called, or has answered; committed before it goes on. */
  noteTool(note: ToolNote): Promise<void>;
  /** Another attempt is about to be made; committed before it is. Throws CallRefused when a budget does not allow it. */
  begin(because: string, route: Route, reservation: Reservation): Promise<void>;
  /** Ends the execution, and the attempt that is open. */
  end(ending: Ending, settlement?: Settlement): Promise<StoredExecution>;
}

export interface RunJournalOptions {
  readonly db: Database<Schema>;
  readonly gathered: GatheredWrites<Schema>;
  readonly runs: Runs;
  readonly announcer: Announcer;
  readonly gather: AnswerLogOptions['gather'];
  readonly log: Logger;
  readonly now: () => Date;
  readonly newId: () => string;
}

const patienceMs = 120_000;

/**
 * Writes under the run's lease: when the execution is somebody else's by now, it throws {@link RunStopped} `lost`. When
 * the database is away it tries again for two minutes, because the answer is paid for.
 */
export function createRunJournal(options: RunJournalOptions, task: Task): RunJournal {
  const { db, gathered, runs, log, announcer } = options;
  const { execution, scope } = task;
  const { owner } = runs.lease;
  const settled: Settlement[] = [];
  const hops: Hop[] = [];
  let asked = task.route;
  let attempt = 1;
  let { opened } = task;

  type Body<T> = (tx: Tx<Schema>) => Promise<T>;
  const byItself = <T>(body: Body<T>) => db.inTenant(scope, body);
  // A turn locks its conversation too, in an order of its own.
  const withOthers = <T>(body: Body<T>) =>
    execution.conversationId === undefined
      ? gathered.write({ scope, lane: `end ${execution.agentId}`, body })
      : byItself(body);

  async function write<T>(body: Body<T>, how: typeof byItself): Promise<NonNullable<T>> {
    const written = await how(body).catch((error: unknown) => {
      if (error instanceof ExecutionTaken) return undefined;
      throw error;
    });
    if (!written) throw new RunStopped('lost');
    runs.changed(execution.id);
    return written;
  }

  async function persist<T>(body: Body<T>, how = byItself): Promise<NonNullable<T>> {
    const patienceEnds = Date.now() + patienceMs;
    for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 5_000)) {
      try {
        return await write(body, how);
      } catch (error) {
        const { code } = toAppError(error);
        const passes = code === 'unavailable' || code === 'deadline_exceeded' || code === 'aborted';
        if (!passes || Date.now() > patienceEnds) throw error;
        log.warn({ err: error, executionId: execution.id }, 'an execution waits for the database');
        await delay(waitMs);
      }
    }
  }

  const answerLog = createAnswerLog({
    cursor: task.cursor,
    gather: options.gather,
    isFollowed: () => runs.isFollowed(execution.id),
    onLost: () => runs.stop(execution.id, 'lost'),
    write: async (news, lastCursor) => {
      const progress = { executionId: execution.id, owner, news, lastCursor, attempts: attempt };
      const ours = await db.inTenant(scope, (tx) => noteProgress(tx, progress));
      if (ours) runs.changed(execution.id);
      return ours;
    },
  });

  return {
    opened: () => opened,
    say: answerLog.add,
    async settle(settlement) {
      const line = { executionId: execution.id, owner, attempt };
      const { due } = await persist((tx) => settleAttempt(options, tx, line, settlement));
      settled.push(settlement);
      await announcer.warn(scope, due);
    },
    async noteTool(note) {
      await persist((tx) => noteToolCall(options, tx, { executionId: execution.id, owner, attempt, note }));
    },
    async begin(because, route, reservation) {
      const provider = task.recorded ? recordedProviderName : route.provider;
      const { model } = route;
      const { id: executionId, agentId } = execution;
      const next = { id: options.newId(), executionId, agentId, attempt: attempt + 1, provider, model, reservation };
      const begun = await persist((tx) => beginAttempt(options, tx, { ...next, owner, because }));
      opened = Promise.resolve(begun);
      attempt += 1;
      if (route !== asked) hops.push({ from: asked, to: route, reason: because });
      asked = route;
      answerLog.restart(attempt, because);
    },
    async end(ending, settlement) {
      const { news, lastCursor } = await answerLog.close();
      if (settlement) settled.push(settlement);
      const spent = {
        promptTokens: settled.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
        completionTokens: settled.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
        costUsd: sumOfCosts(settled.map(({ costUsd }) => costUsd)),
        attempts: attempt,
        hops,
        cached: settlement?.cached === true,
      };
      const ended = await persist(
        (tx) => finishExecution(options, tx, { execution, owner, ending, spent, settlement, news, lastCursor }),
        withOthers,
      );
      await announcer.warn(scope, ended.due);
      return ended.execution;
    },
  };
}
