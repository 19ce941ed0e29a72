import { AppError } from '@flotilla/errors';
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { ReadonlyFrames, StepKind } from '../../domain/step-kind.ts';

const MAX_ITEMS = 10_000;
const defaultConcurrency = 10;
const name = { type: 'string', pattern: '^[a-z][a-z0-9_]{0,30}$' };
const taken = new Set(['input', 'steps', 'run', 'context', 'effect', 'in', 'true', 'false', 'null']);

/**
 * Goes through its steps once for each item of a list, several items at once. An item that fails fails the step, unless `onItemError`
 * is `collect`: then what the item did is undone, and its place in the output is null.
 * Leaves `output`, what the items gave, in their order, and `errors`.
 */
export const mapStep: StepKind = {
  kind: 'map',
  effect: false,
  required: ['items', 'steps'],
  fields: {
    timeoutMs: false,
    retry: false,
    items: { description: `Template of a list of at most ${MAX_ITEMS} items.` },
    as: { ...name, description: 'How expressions inside call the item. None given: `item`.' },
    indexAs: { ...name, description: 'How they call its place, from 0. None given: `index`.' },
    steps: { $ref: '#/definitions/steps' },
    output: { description: 'Template of what an item gives; none: the output of the step it ends with.' },
    maxConcurrency: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      description: `Items under way at once. None given: ${defaultConcurrency}.`,
    },
    onItemError: { enum: ['fail', 'collect'], description: 'None given: fail.' },
  },
  nested: (fields) => [{ pointer: '/steps', steps: fields['steps'] as JsonObject[] }],
  read(fields, reader) {
    const items = reader.template('/items', fields['items'] as JsonValue);
    const as = String(fields['as'] ?? 'item');
    const indexAs = String(fields['indexAs'] ?? 'index');
    for (const [field, variable] of [
      ['/as', as],
      ['/indexAs', indexAs],
    ] as const) {
      if (taken.has(variable)) reader.problem(field, 'FIELD_INVALID', `"${variable}" means something else already.`);
    }
    const output = fields['output'];
    const sequence = reader.sequence('/steps', {
      variables: [as, indexAs],
      ...(output === undefined ? {} : { output: ['/output', output] }),
    });
    const concurrency = Number(fields['maxConcurrency'] ?? defaultConcurrency);
    const collects = fields['onItemError'] === 'collect';
    return {
      block: {
        spread(scope) {
          const list = items(scope);
          if (!Array.isArray(list)) throw invalid('MAP_ITEMS_INVALID', 'The items of a map are a list.');
          const total = list.length;
          if (total > MAX_ITEMS) throw invalid('MAP_TOO_LARGE', `A map has at most ${MAX_ITEMS} items, not ${total}.`);
          return {
            input: list,
            block: { total, concurrency, quorum: collects ? total + 1 : total, tolerates: collects ? total : 0 },
          };
        },
        sequenceOf: () => sequence,
        variables: (list, frame) => ({ [as]: (list as JsonValue[])[Number(frame)] ?? null, [indexAs]: Number(frame) }),
        gather: ({ input, completed, failed }) => ({
          output: (input as JsonValue[]).map((_item, index) => completed.get(String(index)) ?? null),
          errors: errorsOf(failed),
        }),
        sure: 0,
      },
    };
  },
};

function errorsOf(failed: ReadonlyFrames<{ reason: string; message: string; path: string }>): JsonObject[] {
  return [...failed.keys()]
    .sort((one, other) => Number(one) - Number(other))
    .map((index) => {
      const { reason = '', message = '', path = '' } = failed.get(index) ?? {};
      return { index: Number(index), reason, message, path };
    });
}

function invalid(reason: string, message: string): AppError {
  return new AppError('failed_precondition', reason, message);
}
