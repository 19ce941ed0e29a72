import { createHash } from 'node:crypto';
import { AppError } from '@flotilla/errors';
import { compileExpression, type Equality, type Expression, equalitiesOf } from '@flotilla/expressions';
import { isObject, type JsonObject, type JsonValue, pointerPart } from './json.ts';

/** What a step waits for. */
export interface EventWait {
  readonly eventType: string;
  /** CEL over `event` and what is `known`; empty: any event of the type will do. */
  readonly condition: string;
  /** What the condition speaks of of the run, as it was when the step began. */
  readonly known: JsonObject;
}

/** What an event must hold to be the one that is waited for, so that it finds those that wait. */
export interface WaitKey {
  /** A JSON pointer into the event. Empty: nothing of the kind is known, so every event is looked at. */
  readonly field: string;
  /** Of the text that is there. */
  readonly hash: string;
}

/** The variable that holds what came. */
export const EVENT = 'event';

/** Conditions of waits, compiled. */
export interface EventConditions {
  /** Whether an event, as JSON, is what a step waits for. Throws EXPRESSION_FAILED where the condition does not suit it. */
  isAwaited(wait: Omit<EventWait, 'eventType'>, event: JsonValue): boolean;
  /**
   * Of an event in whose `field` is another text than the key's, `isAwaited` is false. Where something else is there, or nothing,
   * only evaluating the condition tells.
   */
  keyOf(wait: Omit<EventWait, 'eventType'>): WaitKey;
}

interface Compiled {
  readonly condition: Expression<boolean>;
  readonly equalities: readonly Equality[];
}

/** So many conditions are remembered: those of as many steps, whatever the number of their runs. */
const REMEMBERED = 500;

export function createEventConditions(): EventConditions {
  const remembered = new Map<string, Compiled>();

  function compiled({ condition, known }: Omit<EventWait, 'eventType'>): Compiled {
    const names = [...Object.keys(known), EVENT];
    const id = JSON.stringify([condition, ...names]);
    const found = remembered.get(id);
    if (found !== undefined) return found;
    const variables = Object.fromEntries(names.map((name) => [name, 'dyn'] as const));
    const made = {
      condition: compileExpression(condition, { variables, result: 'bool' }),
      equalities: equalitiesOf(condition, EVENT, { variables }),
    };
    if (remembered.size >= REMEMBERED) remembered.clear();
    remembered.set(id, made);
    return made;
  }

  return {
    isAwaited: (wait, event) =>
      wait.condition === '' || compiled(wait).condition.evaluate({ ...wait.known, [EVENT]: event }),
    keyOf(wait) {
      if (wait.condition === '') return noKey;
      const equalities = orUndefined(() => compiled(wait).equalities) ?? [];
      // What the run says is likely to be its own; a literal, everybody's.
      const ownFirst = equalities.toSorted((one, other) => other.text.variables.length - one.text.variables.length);
      for (const { path, text } of ownFirst) {
        const value = orUndefined(() => text.evaluate(wait.known));
        const field = path
          .slice(1)
          .map((name) => `/${pointerPart(name)}`)
          .join('');
        if (value !== undefined) return { field, hash: hashOf(value) };
      }
      return noKey;
    },
  };
}

const noKey: WaitKey = { field: '', hash: '' };

/** The hash of the text that an event has there; undefined where it has something else, or nothing. */
export function hashAt(event: JsonValue, field: string): string | undefined {
  let value: JsonValue | undefined = event;
  for (const part of field.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    value = value !== undefined && isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return typeof value === 'string' ? hashOf(value) : undefined;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

function orUndefined<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
