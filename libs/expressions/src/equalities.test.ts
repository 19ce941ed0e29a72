import { AppError } from '@flotilla/errors';
import { expect, test } from 'vitest';
import { equalitiesOf } from './index.ts';

const variables = { event: 'dyn', input: 'dyn', item: 'string' } as const;
const found = (text: string) =>
  equalitiesOf(text, 'event', { variables }).map(({ path, text: { evaluate } }) => {
    try {
      return `${path.slice(1).join('.')} = ${evaluate({ input: { a: 'A', n: 1 }, item: 'I' })}`;
    } catch (error) {
      if (error instanceof AppError) return `${path.slice(1).join('.')} = ${error.reason}`;
      throw error;
    }
  });

test.each([
  ['event.a == input.a', ['a = A']],
  ['"x" == event.a.b["c"]', ['a.b.c = x']],
  ['event.n > 1 && (event.a == item + "!" && event.b == input.a)', ['a = I!', 'b = A']],
  ['event.a == ["x"].map(event, event + "y")[0]', ['a = xy']],
  ['event.a == input.n', ['a = EXPRESSION_FAILED']],
  ['event.a == input.missing', ['a = EXPRESSION_FAILED']],
])('%s says %j', (text, equalities) => {
  expect(found(text)).toEqual(equalities);
});

test.each([
  ['event.a == input.a || event.b == input.a'],
  ['!(event.a == input.a)'],
  ['event.a != input.a'],
  ['event.a == event.b'],
  ['event == input.a'],
  ['has(event.a) == input.a'],
  ['event.a[0] == input.a'],
  ['event.a == 1'],
  ['event.a == timestamp(item)'],
  ['input.a == item'],
  ['[1].all(event, event.a == item)'],
])('%s says nothing for sure', (text) => {
  expect(found(text)).toEqual([]);
});

test('what is no condition is refused', () => {
  const refused = expect.objectContaining({ reason: 'EXPRESSION_INVALID' });
  for (const text of ['event.a ==', 'event.a == nothing', '"text"']) expect(() => found(text)).toThrowError(refused);
});
