import type { InputPart } from '@flotilla/contracts/agent';
import type { Call, IdempotencyScope } from '@flotilla/grpc';
import { scopeOf, type Tx } from '@flotilla/postgres';
import { requestCancel } from '../commands/request-cancel.ts';
import { type ExecutionStart, startExecution, type Task } from '../commands/start-execution.ts';
import { findExecution, type StoredExecution } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Execution, isFinished } from '../domain/execution.ts';
import type { GivenInput } from '../domain/input.ts';
import { executionNotFound } from '../domain/not-found.ts';
import { type FollowedNews, type Following, followExecution } from './follow-execution.ts';
import { type Executing, runExecution } from './run-execution.ts';
import type { TakeInput } from './take-input.ts';

export interface ExecutionWish {
  readonly agentId: string;
  readonly agentVersion: number;
  readonly prompt: string;
  /** What is told after the prompt, as it was given. */
  readonly parts: readonly InputPart[];
  /** Where the agent is split: the same key runs the same version. */
  readonly splitKey: string;
}

/** Runs agents for callers; runs outlive the calls that began them. */
export interface Executor {
  /**
   * Runs and waits for the end. Calls with the same idempotency key wait for the same execution, on whichever replica it
   * runs; it goes on when they leave. Without a key nobody could find it again: it is cancelled with its call.
   */
  execute(call: Call, wish: ExecutionWish): Promise<Execution>;
  stream(call: Call, wish: ExecutionWish & { cancelOnDisconnect: boolean }): AsyncIterable<FollowedNews>;
  /**
   * Begins an execution that `beginning` writes down; with a key, the first caller does and the others learn its id.
   * Without one, those of a `lane` that come at once are written down together.
   */
  begin(call: Call, beginning: Beginning, lane?: string): Promise<Begun>;
  /**
   * Takes parts in for what will begin, or answers what an earlier call with the same key and request has begun with them: what
   * lies at an address is read once.
   */
  takeIn(call: Call, parts: readonly InputPart[]): Promise<{ readonly input: GivenInput } | { readonly begun: Begun }>;
  /** Waits for its end, as `execute` does. */
  wait(call: Call, begun: Begun): Promise<Execution>;
  /** Its news from the beginning, as `stream` has them. */
  watch(call: Call, id: string, options: { cancelOnDisconnect: boolean }): AsyncIterable<FollowedNews>;
  follow(call: Call, from: { id: string; after: number }): AsyncIterable<FollowedNews>;
  /** Asks the process that runs it to stop, and waits for the end. */
  cancel(call: Call, id: string): Promise<Execution>;
}

/** An execution that was begun, and its run where this call began it. */
export interface Begun {
  readonly id: string;
  readonly run?: Promise<StoredExecution | undefined>;
}

/** Writes an execution down. Runs again when its transaction lost a conflict. */
export type Beginning = (tx: Tx<Schema>) => Promise<Task>;

export interface ExecutorOptions extends Executing, Following {
  readonly start: ExecutionStart;
  readonly takeInput: TakeInput;
}

export function createExecutor(options: ExecutorOptions): Executor {
  const { db, runs, start, announcer, gathered } = options;

  async function begin(call: Call, beginning: Beginning, lane?: string): Promise<Begun> {
    runs.admit();
    let task: Task | undefined;
    const body = async (tx: Tx<Schema>) => {
      task = await beginning(tx);
      return task.execution.id;
    };
    const scope = scopeOf(call);
    const written =
      lane === undefined || call.idempotency !== undefined
        ? db.write(withIdAsReply(call), body)
        : gathered.write({ scope, lane: `begin ${lane}`, deadline: call.deadline, body });
    const id = await written.catch(async (error: unknown) => {
      throw await announcer.refused(scope, error);
    });
    if (task?.execution.id !== id) return { id };
    const begun = task;
    return { id, run: runs.run(id, (signal) => runExecution(options, begun, signal)) };
  }

  const takeIn: Executor['takeIn'] = async (call, parts) => {
    const id = parts.length === 0 ? undefined : await db.replied<string>(withIdAsReply(call));
    return id === undefined ? { input: await options.takeInput(parts, call.signal) } : { begun: { id } };
  };

  async function beginWith(call: Call, { parts, ...wish }: ExecutionWish): Promise<Begun> {
    const taken = await takeIn(call, parts);
    if ('begun' in taken) return taken.begun;
    return begin(call, (tx) => startExecution(start, tx, { ...wish, input: taken.input }), wish.agentId);
  }

  async function end(call: Call, id: string): Promise<Execution> {
    await runs.ended(id);
    const known = await db.read(call, (tx) => findExecution(tx, id));
    if (known === undefined) throw executionNotFound();
    if (isFinished(known.status)) return known;
    for await (const news of followExecution(options, call, { id, after: known.lastCursor })) {
      if (news.kind === 'finished') return news.execution;
    }
    throw executionNotFound();
  }

  async function wait(call: Call, { id, run }: Begun): Promise<Execution> {
    const abandon = () => {
      if (call.idempotency === undefined) runs.stop(id, 'caller gone');
    };
    call.signal.addEventListener('abort', abandon, { once: true });
    try {
      if (call.signal.aborted) abandon();
      return (await run) ?? (await end(call, id));
    } finally {
      call.signal.removeEventListener('abort', abandon);
    }
  }

  async function* watch(call: Call, id: string, { cancelOnDisconnect }: { cancelOnDisconnect: boolean }) {
    let finished = false;
    try {
      for await (const news of followExecution(options, call, { id, after: 0 })) {
        finished = news.kind === 'finished';
        yield news;
      }
    } finally {
      if (!finished && cancelOnDisconnect) runs.stop(id, 'caller gone');
    }
  }

  return {
    begin,
    takeIn,
    wait,
    watch,

    execute: async (call, wish) => wait(call, await beginWith(call, wish)),

    async *stream(call, wish) {
      const { id } = await beginWith(call, wish);
      yield* watch(call, id, wish);
    },

    follow: (call, from) => followExecution(options, call, from),

    async cancel(call, id) {
      const execution = await db.write(call, (tx) => requestCancel(start, tx, id));
      if (isFinished(execution.status)) return execution;
      runs.stop(id, 'cancelled');
      return end(call, id);
    },
  };
}

/** What is kept under the key is the id: the reply proper does not exist yet when the key is claimed. */
function withIdAsReply(call: Call) {
  const { principal, traceparent, deadline, idempotency } = call;
  const scope = { principal, traceparent, deadline };
  if (idempotency === undefined) return scope;
  const asId: IdempotencyScope = {
    key: idempotency.key,
    method: idempotency.method,
    requestHash: idempotency.requestHash,
    encode: (id) => Buffer.from(String(id)),
    decode: (bytes) => Buffer.from(bytes).toString(),
  };
  return { ...scope, idempotency: asId };
}
