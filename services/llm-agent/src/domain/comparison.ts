import { type AgentContent, contentOf } from './agent.ts';
import type { Execution } from './execution.ts';
import type { InputPart } from './input.ts';
import { diffJson, type JsonChange } from './json-diff.ts';
import type { Said } from './message.ts';
import type { JsonValue } from './output-schema.ts';

const maxTextCharacters = 100_000;

/** An execution with everything that went into it. */
export interface Compared {
  readonly execution: Execution;
  readonly content: AgentContent;
  readonly context: readonly Said[];
}

/** What is different between two executions. */
export interface Comparison {
  readonly before: Execution;
  readonly after: Execution;
  readonly inputs: readonly JsonChange[];
  readonly sameStatus: boolean;
  readonly sameAnswer: boolean;
  readonly answers: readonly JsonChange[];
}

export function compare(before: Compared, after: Compared): Comparison {
  const answers = diffAnswers(before.execution, after.execution);
  return {
    before: before.execution,
    after: after.execution,
    inputs: diffJson(inputsOf(before), inputsOf(after)).map(cut),
    sameStatus: before.execution.status === after.execution.status,
    sameAnswer: answers.length === 0,
    answers: answers.map(cut),
  };
}

function inputsOf({ execution, content, context }: Compared): JsonValue {
  const told = context.map(({ role, content: text, parts = [] }) => ({ role, content: text, ...partsOf(parts) }));
  const { prompt, parts } = execution;
  return { ...(contentOf(content) as object), prompt, ...partsOf(parts), context: told };
}

/** Files by their hashes. */
function partsOf(parts: readonly InputPart[]): { parts?: JsonValue } {
  return parts.length === 0 ? {} : { parts: parts.map((part) => ({ ...part })) };
}

function diffAnswers(before: Execution, after: Execution): JsonChange[] {
  if (before.output !== undefined && after.output !== undefined) return diffJson(before.output, after.output);
  return diffJson(before.response, after.response);
}

function cut({ pointer, before, after }: JsonChange): JsonChange {
  return { pointer, before: shorter(before), after: shorter(after) };
}

function shorter(value: JsonValue | undefined): JsonValue | undefined {
  return typeof value === 'string' ? value.slice(0, maxTextCharacters).toWellFormed() : value;
}
