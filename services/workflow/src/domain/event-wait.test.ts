import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createEventConditions, hashAt } from './event-wait.ts';
import type { JsonObject, JsonValue } from './json.ts';

const conditions = createEventConditions();

/** What comes of evaluating the condition: the reason why it does not suit the event, where that is so. */
function plainly(condition: string, known: JsonObject, event: JsonObject): boolean | string {
  try {
    return conditions.isAwaited({ condition, known }, event);
  } catch (error) {
    return String((error as { reason?: string }).reason);
  }
}

describe('the key of a condition', () => {
  const known: JsonObject = { input: { id: 'i', n: 1, long: 'x'.repeat(10_000) }, item: 'own' };
  test.each([
    ['event.order.id == input.id', '/order/id'],
    ['item == event["a/b"].c', '/a~1b/c'],
    ["event.status == 'done' && event.id == item", '/id'],
    ["event.status == 'done'", '/status'],
    ['event.id == input.long', '/id'],
    ['event.id == input.n', ''],
    ['event.id == input.missing', ''],
    ['event.id == input.id || event.id == item', ''],
    ['event.id == other', ''],
    ["event.id == item && other == 'x'", ''],
    ['event.id.startsWith(item)', ''],
    ['', ''],
  ])('%j is the field %j', (condition, field) => {
    const key = conditions.keyOf({ condition, known });
    expect(key.field).toBe(field);
    expect(key.hash.length).toBe(field === '' ? 0 : 22);
  });
});

const text = fc.constantFrom('a', 'b', '', 'é', '\u0000');
const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
  { weight: 6, arbitrary: text },
  fc.constantFrom(null, true, 0, 1, 1.5),
  fc.constant<JsonValue>([]),
  fc.constant<JsonValue>({ x: 'a' }),
);
const fields: fc.Arbitrary<JsonObject> = fc.dictionary(
  fc.constantFrom('x', 'y', 'z/~'),
  fc.oneof({ weight: 3, arbitrary: scalar }, fc.dictionary(fc.constant('x'), scalar)),
  { minKeys: 1, maxKeys: 3 },
);
const field = fc.constantFrom('event.x', 'event.y', 'event["z/~"]', 'event.x.x', 'event.y["x"]', 'event.none');
const other = fc.constantFrom(
  ...["'a'", "''", 'input.x', 'input.y.x', 'input.none', 'item', "item + 'a'", '1', 'null', 'true', '[]', 'event.y'],
  ...['string(input.x)', "timestamp('2026-01-01T00:00:00Z')", "b'a'", "{'x': 'a'}", 'input.x.x == item'],
);
const conjunct = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(field, other, fc.boolean())
      .map(([one, two, turned]) => (turned ? `${two} == ${one}` : `${one} == ${two}`)),
  },
  fc.constantFrom(
    'true',
    'false',
    'event.x',
    'has(event.y)',
    "event.y != 'a'",
    'event.x > 0',
    "event.x.startsWith('a')",
    '1 / 0 == 1',
  ),
);
const condition = fc.letrec<{ all: string }>((tie) => ({
  all: fc.oneof(
    { maxDepth: 3 },
    conjunct,
    fc.tuple(tie('all'), tie('all')).map(([one, two]) => `${one} && ${two}`),
    fc.tuple(tie('all'), tie('all')).map(([one, two]) => `(${one} && ${two})`),
    fc.tuple(conjunct, conjunct).map(([one, two]) => `(${one} || ${two})`),
    conjunct.map((one) => `!(${one})`),
  ),
})).all;

test('an event that does not have the key is one for which the condition does not hold, by itself', () => {
  let passedOver = 0;
  let awaited = 0;
  fc.assert(
    fc.property(
      condition,
      fields,
      fc.option(text),
      fc.array(fields, { minLength: 1, maxLength: 4 }),
      (when, input, item, came) => {
        const known: JsonObject = item === null ? { input } : { input, item };
        const { field: at, hash } = conditions.keyOf({ condition: when, known });
        for (const event of came) {
          const found = plainly(when, known, event);
          const held = hashAt(event, at);
          if (held !== undefined && held !== hash) {
            expect(found).toBe(false);
            passedOver += 1;
          } else if (found === true) awaited += 1;
        }
      },
    ),
    { numRuns: 4_000 },
  );
  expect(Math.min(passedOver, awaited)).toBeGreaterThan(100);
});
