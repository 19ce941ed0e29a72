import type { JsonObject, JsonValue } from './json.ts';

/** What the expressions of a definition may speak of. */
export interface Scope {
  readonly input: JsonObject;
  /** `steps.<id>`: what the step's last finished visit left, `output` among it, and `visit`. */
  readonly factsOf: (stepId: string) => JsonObject | undefined;
  readonly run: RunFacts;
  /** `context.<name>`: what steps have written to the context of the run so far. */
  readonly context: JsonObject;
  /** What the blocks around give their steps besides, such as the item of a map. */
  readonly variables: JsonObject;
  /** Only in an undo: the effect that is undone. */
  readonly effect?: { readonly key: string };
  /** Only in a dry run. */
  readonly watch?: ExpressionWatch;
}

/** Told about every text with expressions that is evaluated in a dry run. */
export interface ExpressionWatch {
  /** Whether everything is known that the expressions speak of. */
  knows(scope: Scope, paths: readonly (readonly string[])[]): boolean;
  evaluated(pointer: string, text: string, value: JsonValue | undefined): void;
  failed(pointer: string): void;
}

/** `run` in expressions. */
export interface RunFacts {
  readonly id: string;
  readonly workflowId: string;
  readonly workflowSlug: string;
  readonly workflowVersion: number;
  /** The user who started the run. */
  readonly startedBy: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

/** The key under which a receiver knows an effect: kept by retries, new for each visit. */
export function effectKey(instanceId: string, path: string, visit: number, side: 'do' | 'undo'): string {
  return `${instanceId}/${path}#${visit}/${side}`;
}
