import { createContext, Script } from 'node:vm';

const call = new Script('work()');

export class TimeLimitReached extends Error {}

/**
 * Runs a computation whose cost an author decides (a schema, its patterns) and interrupts it after the limit, wherever
 * it is: back-tracking patterns and exponential schemas included. Not a sandbox: the work is our own code.
 */
export function withTimeLimit<T>(limitMs: number, work: () => T): T {
  try {
    return call.runInContext(createContext({ work }), { timeout: limitMs }) as T;
  } catch (error) {
    // The error belongs to the other context: it is no `instanceof Error` here.
    if ((error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      throw new TimeLimitReached(`The computation took longer than ${limitMs} ms.`);
    }
    throw error;
  }
}
