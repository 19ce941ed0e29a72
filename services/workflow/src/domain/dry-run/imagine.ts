import { AppError } from '@flotilla/errors';
import type { Definition } from '../definition.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { Scope } from '../scope.ts';
import type { Block, Step, Suspension } from '../step-kind.ts';
import type { Template } from '../template.ts';
import { isUnknown, Undecided, unknown } from '../unknown.ts';
import { knows } from './knowledge.ts';

/** What was seen while a step was planned. */
export interface Sight {
  readonly expressions: { readonly pointer: string; readonly text: string; readonly value: JsonValue | undefined }[];
  /** Something was spoken of that is not known. */
  vague: boolean;
  /** Where an expression failed. */
  failedAt?: string;
  /** The facts of a step that asks nobody. */
  decided?: JsonObject;
  /** Where the condition stands that could not be decided. */
  undecidedAt?: string;
  /** The step ends by itself, at its time. */
  timed?: boolean;
}

export interface Imagined {
  readonly definition: Definition;
  /** One for each step that was started, in their order. */
  readonly sights: readonly Sight[];
  /** That of the output. */
  readonly last: Sight;
}

/**
 * A definition whose steps can be planned from what is known, for the interpreter to go through. Steps that are decided by
 * expressions wait instead, so that one whose way is not known keeps the run from going on there, and nothing else.
 */
export function imagine(definition: Definition): Imagined {
  const sights: Sight[] = [];
  const last = newSight();
  const look: Look = {
    look() {
      const sight = newSight();
      sights.push(sight);
      return sight;
    },
    lastSight: () => sights.at(-1) ?? last,
    rest: last,
    watching: watchingBut(contested(definition)),
  };
  const steps = new Map([...definition.steps].map(([id, step]) => [id, imagineStep(step, look)]));
  const output: Definition['output'] = (scope) => definition.output(look.watching(scope, last));
  const context = definition.context && lookedAt(definition.context, look);
  return { definition: { ...definition, steps, output, context }, sights, last };
}

/** How the parts of a definition look at what they are planned from. */
interface Look {
  /** Begins a step. */
  look(): Sight;
  /** Of the step that was begun last. */
  lastSight(): Sight;
  /** Of what belongs to no step's beginning. */
  readonly rest: Sight;
  watching(scope: Scope, sight: Sight): Scope;
}

/** Names in the context that steps inside of blocks write: who of them comes last is not known. */
function contested({ steps }: Definition): ReadonlySet<string> {
  return new Set([...steps.values()].flatMap(({ pointer, writes }) => (pointer.split('/').length > 3 ? writes : [])));
}

function lookedAt(template: Template, { watching, rest }: Look): Template {
  return (scope) => template(watching(scope, rest));
}

function newSight(): Sight {
  return { expressions: [], vague: false };
}

function watchingBut(hidden: ReadonlySet<string>): Look['watching'] {
  const isHidden = ([variable, name]: readonly string[]) =>
    variable === 'context' && (name === undefined ? hidden.size > 0 : hidden.has(name));
  return (scope, sight) => ({
    ...scope,
    watch: {
      knows: (of, paths) => paths.every((path) => !isHidden(path) && knows(of, path)),
      evaluated(pointer, text, value) {
        sight.vague ||= value === undefined;
        sight.expressions.push({ pointer, text, value });
      },
      failed(pointer) {
        sight.failedAt ??= pointer;
      },
    },
  });
}

/** What cannot be planned from values that are not known is no failure. */
function planned<T>(sight: Sight, plan: () => T, otherwise: T): T {
  try {
    return plan();
  } catch (error) {
    if (error instanceof AppError && sight.vague && sight.failedAt === undefined) return otherwise;
    throw error;
  }
}

function imagineStep(step: Step, looking: Look): Step {
  const { look, lastSight, watching } = looking;
  const { plan, decide, suspend, block, planUndo, ...same } = step;
  const rest = { ...same, context: step.context && lookedAt(step.context, looking) };
  const vague = (): JsonObject => ({ request: unknown(`\${${step.id}}`) });
  const undo = planUndo && {
    planUndo(scope: Scope) {
      const sight = lastSight();
      return planned(sight, () => planUndo(watching(scope, sight)), vague());
    },
  };
  if (block !== undefined) return { ...rest, ...undo, block: imagineBlock(step.id, block, looking) };
  if (decide !== undefined) return { ...rest, ...undo, suspend: (scope) => decideOn(looking, scope, decide) };
  if (suspend === undefined) {
    return {
      ...rest,
      ...undo,
      plan(scope, time) {
        const sight = look();
        return planned(sight, () => plan?.(watching(scope, sight), time) ?? {}, vague());
      },
    };
  }
  return {
    ...rest,
    ...undo,
    suspend(scope, now) {
      const sight = look();
      const none: Suspension = { request: vague() };
      const { request, wakeAt, signal, event } = planned(sight, () => suspend(watching(scope, sight), now), none);
      // Only a time comes by itself; whether people and signals do is for the assumptions to say.
      sight.timed = wakeAt !== undefined && signal === undefined && event === undefined && step.conclude === undefined;
      return { request, ...(sight.timed && wakeAt !== undefined ? { wakeAt } : {}) };
    },
  };
}

function decideOn({ look, watching }: Look, scope: Scope, decide: (scope: Scope) => JsonObject): Suspension {
  const sight = look();
  try {
    sight.decided = decide(watching(scope, sight));
  } catch (error) {
    if (!(error instanceof Undecided)) throw error;
    sight.undecidedAt = error.pointer;
  }
  return { request: {} };
}

function imagineBlock(stepId: string, block: Block, looking: Look): Block {
  const { look, watching } = looking;
  const nobodyKnows = unknown(`\${steps.${stepId}.output}`);
  return {
    ...block,
    spread(scope) {
      const sight = look();
      const one = { total: 1, concurrency: 1, quorum: 1, tolerates: 0 };
      const spread = planned(sight, () => block.spread(watching(scope, sight)), { input: nobodyKnows, block: one });
      const { quorum, total } = spread.block;
      // Which frames come first is not known: all of them are gone through.
      return quorum < total ? { ...spread, block: { ...spread.block, quorum: total + 1 } } : spread;
    },
    sequenceOf(frame) {
      const { start, output } = block.sequenceOf(frame);
      return { start, output: output && lookedAt(output, looking) };
    },
    // Of a list that is not known one item is gone through, of which nothing is known.
    variables: (input, frame) =>
      isUnknown(input)
        ? Object.fromEntries(Object.keys(block.variables([], frame)).map((name) => [name, unknown(`\${${name}}`)]))
        : block.variables(input, frame),
    gather(end) {
      if (isUnknown(end.input)) return { output: nobodyKnows };
      const facts = block.gather(end);
      return block.sure > 0 && block.sure < end.completed.size ? { ...facts, output: nobodyKnows } : facts;
    },
  };
}
