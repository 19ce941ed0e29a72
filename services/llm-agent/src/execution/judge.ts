import type { CallRefused } from '../domain/budget.ts';
import type { Ending } from '../domain/execution.ts';
import type { ToolCall } from '../domain/message.ts';
import { type JsonObject, readOutput } from '../domain/output-schema.ts';
import type { Outcome } from './ask-provider.ts';
import type { RunStopped } from './runs.ts';

/** What an attempt means for its execution. `ending` is how the execution ends when there is no further attempt. */
export type Verdict = {
  /** For the ledger; empty when all is well. */
  readonly reason: string;
  readonly ending: Ending;
} & (
  | { readonly next: 'end' }
  | { readonly next: 'retry'; readonly retryAfterMs: number | undefined }
  | { readonly next: 'tools'; readonly answer: string; readonly calls: readonly ToolCall[] }
  | { readonly next: 'repair'; readonly answer: string; readonly problems: readonly string[] }
);

/** Structured answers become messages twice as large as they are. */
const maxStructuredCharacters = 1024 * 1024;

/** Rounds of tool calls: how many there were, and how many there may be. */
export interface Rounds {
  readonly made: number;
  readonly max: number;
}

const maxCallsAtOnce = 16;

export function judge(
  outcome: Exclude<Outcome, { kind: 'stopped' }>,
  schema: JsonObject | undefined,
  rounds: Rounds,
): Verdict {
  if (outcome.kind === 'failure') {
    const { reason, message, retryable, retryAfterMs } = outcome.failure;
    const ending = failed(reason, message);
    return retryable ? { next: 'retry', reason, ending, retryAfterMs } : { next: 'end', reason, ending };
  }
  const { text } = outcome;
  const cutOff = outcome.kind === 'overrun' || outcome.cutOff;
  if (outcome.kind === 'answer' && outcome.toolCalls.length > 0) return judgeToolCalls(text, outcome.toolCalls, rounds);
  if (schema === undefined) {
    return { next: 'end', reason: '', ending: { status: 'completed', response: text, output: undefined } };
  }
  if (text.length > maxStructuredCharacters) {
    const ending = failed('OUTPUT_TOO_LARGE', `A structured answer has at most ${maxStructuredCharacters} characters.`);
    return { next: 'end', reason: 'OUTPUT_TOO_LARGE', ending };
  }
  const output = readOutput(schema, text);
  if (output.fits) {
    return { next: 'end', reason: '', ending: { status: 'completed', response: text, output: output.value } };
  }
  const problems = cutOff ? ['The answer was cut off: it is longer than max_tokens allows.'] : output.problems;
  const ending = failed('OUTPUT_INVALID', `The answer does not fit the output schema. ${problems.join(' ')}`);
  return { next: 'repair', reason: 'OUTPUT_INVALID', ending, answer: text, problems };
}

function judgeToolCalls(answer: string, calls: readonly ToolCall[], { made, max }: Rounds): Verdict {
  if (made >= max) {
    const ending = failed('TOOL_ITERATIONS_EXCEEDED', `The model wants more than ${max} rounds of tool calls.`);
    return { next: 'end', reason: ending.reason, ending };
  }
  if (calls.length > maxCallsAtOnce) {
    const ending = failed(
      'TOOL_CALLS_TOO_MANY',
      `The model wants ${calls.length} calls at once; at most ${maxCallsAtOnce}.`,
    );
    return { next: 'end', reason: ending.reason, ending };
  }
  return {
    next: 'tools',
    reason: '',
    ending: failed('EXECUTION_INTERRUPTED', 'The tools were not called.'),
    answer,
    calls,
  };
}

/** A run whose next call a budget did not allow. */
export function judgeRefusal({ reason, message }: CallRefused): Ending {
  return reason === 'BUDGET_EXCEEDED' ? { status: 'budget_exceeded', reason, message } : failed(reason, message);
}

/** A run that was stopped, or, without a reason, one whose time was over. */
export function judgeStop(stop: RunStopped | undefined): Verdict {
  const ending = endingOf(stop);
  return { next: 'end', reason: ending.status === 'completed' ? '' : ending.reason, ending };
}

function endingOf(stop: RunStopped | undefined): Ending {
  switch (stop?.why) {
    case undefined:
      return { status: 'timeout', reason: 'EXECUTION_TIMEOUT', message: "The time of the agent's limits is over." };
    case 'cancelled':
      return { status: 'cancelled', reason: 'CANCELLED', message: 'The execution was cancelled.' };
    case 'caller gone':
      return { status: 'cancelled', reason: 'CALLER_GONE', message: 'Whoever asked did not wait for the answer.' };
    case 'shutdown':
      return failed('EXECUTION_INTERRUPTED', 'The process that ran the execution was shut down.');
    case 'lost':
      return failed('EXECUTION_LOST', 'The process that ran the execution did not renew its lease.');
  }
}

function failed(reason: string, message: string): Extract<Ending, { reason: string }> {
  return { status: 'failed', reason, message: message.slice(0, 2_000) };
}
