import type { AgentReference } from './agent-reference.ts';
import type { InputCheck } from './input-schema.ts';
import type { JsonObject } from './json.ts';
import type { Scope } from './scope.ts';
import type { Step } from './step-kind.ts';
import type { Template } from './template.ts';

/** A definition that passed its check, ready to be interpreted. */
export interface Definition {
  /** The first step. */
  readonly start: string;
  /** All of them, those inside of blocks too. */
  readonly steps: ReadonlyMap<string, Step>;
  /** Who has to drive the runs; undefined: whoever is fit. */
  readonly driver: 'temporal' | undefined;
  /** The step that carries the savepoint to which a failed run is undone; none: all is undone. */
  readonly keepsUntil: string | undefined;
  /** The steps that carry savepoints, by name. */
  readonly savepoints: ReadonlyMap<string, string>;
  /** Of the whole run, undos not counted. */
  readonly timeoutMs: number | undefined;
  /** What the context of a run begins with. */
  readonly context: Template | undefined;
  /** Throws INPUT_INVALID. */
  readonly checkInput: InputCheck;
  /** The signals that its steps wait for, with the checks of what comes with them. */
  readonly signals: ReadonlyMap<string, InputCheck>;
  /** The agents that are named, in the order of their steps. */
  readonly agents: readonly AgentReference[];
  /** What a completed run gives. */
  readonly output: (scope: Scope) => JsonObject;
}

/** Finds a step that the journal speaks of. */
export function stepOf(definition: Definition, stepId: string): Step {
  const step = definition.steps.get(stepId);
  if (step === undefined) throw new Error(`The definition has no step ${stepId}.`);
  return step;
}
