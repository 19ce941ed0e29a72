import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What a child process does when asked, by name; one argument each. */
export type Calls = Readonly<Record<string, (argument: never) => unknown>>;

/** A program of the benchmarks in a process of its own; it dies with this one. */
export interface Child<C> {
  readonly pid: number;
  call<Name extends keyof C & string>(
    name: Name,
    ...argument: C[Name] extends (...given: infer Given) => unknown ? Given : never
  ): Promise<C[Name] extends (...given: never) => infer Reply ? Awaited<Reply> : never>;
  stop(): Promise<void>;
}

type Reply = { readonly id: number; readonly value?: unknown; readonly problem?: string };

/**
 * Starts a script that calls `answerCalls`.
 * @example
 * const edge = startChild<EdgeCalls>(new URL('../baseline/edge.ts', import.meta.url), environment);
 * const { port } = await edge.call('start', { token });
 */
export function startChild<C>(script: URL, env: NodeJS.ProcessEnv): Child<C> {
  const path = fileURLToPath(script);
  const child: ChildProcess = fork(path, [], {
    env: { ...env, NODE_ENV: 'production', KAFKAJS_NO_PARTITIONER_WARNING: '1' },
    execArgv: ['--disable-warning=TimeoutNegativeWarning', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  child.on('message', ({ id, value, problem }: Reply) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (problem === undefined) call?.resolve(value);
    else call?.reject(new Error(problem));
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      for (const call of waiting.values()) call.reject(new Error(`${path} ended: ${signal ?? code}`));
      waiting.clear();
      resolve();
    });
  });
  return {
    pid: child.pid ?? 0,
    call(name, ...argument) {
      const call = Promise.withResolvers<unknown>();
      lastId += 1;
      waiting.set(lastId, call);
      child.send({ id: lastId, name, argument: argument[0] });
      // What arrives was made by the function of this name in the child.
      return call.promise as ReturnType<Child<C>['call']> as never;
    },
    async stop() {
      if (child.connected) child.disconnect();
      const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(late);
    },
  };
}

/** In the child: answers what the parent asks; ends when the parent has gone or wants no more. */
export function answerCalls(calls: Calls): void {
  process.on('message', ({ id, name, argument }: { id: number; name: string; argument: never }) => {
    Promise.resolve()
      .then(() => calls[name]?.(argument))
      .then(
        (value): Reply => ({ id, value }),
        (problem: unknown): Reply => ({
          id,
          problem: problem instanceof Error ? (problem.stack ?? problem.message) : String(problem),
        }),
      )
      .then((reply) => process.send?.(reply))
      .catch(() => process.exit(1));
  });
  process.once('disconnect', () => process.exit(0));
}
