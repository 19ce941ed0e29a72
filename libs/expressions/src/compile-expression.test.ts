import { AppError } from '@flotilla/errors';
import { describe, expect, test } from 'vitest';
import { compileExpression, type JsonValue } from './index.ts';

const run = (text: string, input: JsonValue = null) =>
  compileExpression(text, { variables: { input: 'dyn' } }).evaluate({ input });

const refusal = (text: string, options: Partial<Parameters<typeof compileExpression>[1]> = {}): string => {
  try {
    compileExpression(text, { variables: { input: 'dyn', content: 'string' }, ...options });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error).toMatchObject({ code: 'invalid_argument', reason: 'EXPRESSION_INVALID' });
    return error.message;
  }
  return 'accepted';
};

describe('values', () => {
  test.each<[string, JsonValue, JsonValue]>([
    ['input.n + 1', { n: 2 }, 3],
    ['input.n + 1', { n: 2.5 }, 3.5],
    ['1 + input.n * 2', { n: 2 }, 5],
    ['input.a / input.b', { a: 3, b: 2 }, 1.5],
    ['input.n % 2 == 0', { n: 4 }, true],
    ['input.n > 3 && input.n <= 4.0', { n: 4 }, true],
    ['3 / 2', null, 1],
    ['input.list[input.i]', { list: ['a', 'b'], i: 1 }, 'b'],
    ['input.s.substring(input.i)', { s: 'abc', i: 1 }, 'bc'],
    ['string(input.n) + "!"', { n: 3 }, '3!'],
    ['int(input.n)', { n: 3.7 }, 3],
    ['{"a": [1, 2.5, null, true], "b": input}', { x: 'y' }, { a: [1, 2.5, null, true], b: { x: 'y' } }],
    ['input.map(x, x.price * x.count)', [{ price: 1.5, count: 2 }], [3]],
    ['input.filter(x, x > 1).map(x, x + 1)', [1, 2, 3], [3, 4]],
    ['input.map(x, x > 1, x * 10)', [1, 2, 3], [20, 30]],
    [
      'input.map(x, input.map(y, x + y))',
      [1, 2],
      [
        [2, 3],
        [3, 4],
      ],
    ],
    ['input.all(x, x in ["a", "b"])', ['a', 'b'], true],
    ['input.exists_one(x, x == 1)', [1, 2], true],
    ['has(input.a) ? input.a : "none"', {}, 'none'],
    ['size(input)', 'héllo', 5],
    ['"a,b,c".split(",").join("-").replace("-", "+", 1)', null, 'a+b-c'],
    ['"aaa".replace("a", "b")', null, 'bbb'],
    ['"%s is %d".format(["x", 3])', null, 'x is 3'],
    ['input.matches("^CVE-[0-9]{4}-[0-9]+$")', 'CVE-2026-1', true],
    ['timestamp(input) < timestamp("2027-01-01T00:00:00Z")', '2026-01-01T00:00:00Z', true],
    ['timestamp("2026-01-01T00:00:00Z") + duration("1h")', null, '2026-01-01T01:00:00Z'],
    ['duration("90s")', null, '90s'],
    ['b"ab"', null, 'YWI='],
    ['9007199254740993', null, '9007199254740993'],
    ['type(input) == string', 'x', true],
    ['strings.quote(input)', 'x', '"x"'],
    ['[1] + [2]', null, [1, 2]],
    ['input["__proto__"] == null', JSON.parse('{"__proto__": null}'), true],
  ])('%s of %j is %j', (text, input, output) => {
    expect(run(text, input)).toEqual(output);
  });

  test('a failing operand of || is absorbed when the other decides', () => {
    expect(run('input.missing == 1 || true', {})).toBe(true);
  });

  test.each([
    ['input.missing', {}],
    ['input.a + "x"', { a: 1 }],
    ['1 / 0', null],
    ['input[5]', [1]],
    ['1.0 / 0.0', null],
    ['int(input)', 'abc'],
  ])('%s of %j fails with a reason', (text, input) => {
    expect(() => run(text, input)).toThrowError(expect.objectContaining({ reason: 'EXPRESSION_FAILED' }));
  });

  test('what JavaScript objects inherit is not visible', () => {
    expect(() => run('input.constructor', {})).toThrowError(expect.objectContaining({ reason: 'EXPRESSION_FAILED' }));
    expect(refusal('constructor')).toContain('no variable "constructor"');
    expect(refusal('__proto__')).toContain('no variable');
  });

  test('a demanded result is checked when only the values can tell', () => {
    const flag = compileExpression('input.ok', { variables: { input: 'map' }, result: 'bool' });
    const answer: boolean = flag.evaluate({ input: { ok: true } });
    expect(answer).toBe(true);
    expect(() => flag.evaluate({ input: { ok: 'yes' } })).toThrowError(
      expect.objectContaining({ reason: 'EXPRESSION_FAILED', message: 'The result is a string, not a bool.' }),
    );
  });
});

describe('mistakes are refused before anything runs', () => {
  test.each([
    ['input +', 'Line 1, column 7: this is not CEL'],
    ['\n  nope', 'Line 2, column 3: there is no variable "nope"; there is content, input.'],
    ['content + 1', '"+" cannot be applied to (string, int)'],
    ['content.size', 'a string has no fields'],
    ['content.frobnicate()', 'there is no function "frobnicate"'],
    ['"a" && true', 'a bool is needed here, not a string'],
    ['input ? 1 : nope', 'there is no variable "nope"'],
    ['"a" ? 1 : 2', 'a bool is needed here, not a string'],
    ['[1].all(x, "a")', 'a bool is needed here, not a string'],
    ['content.matches("(")', 'The pattern is not valid'],
    ['content.matches("(?=a)b")', 'The pattern is not valid'],
    ['[1].map(x, y)', 'there is no variable "y"'],
    ['[1].map(x, x) + x', 'there is no variable "x"'],
    ['(1).map(x, x)', 'a int has no elements to go through'],
    ['google.protobuf.Timestamp{seconds: 1}', 'messages such as google.protobuf.Timestamp cannot be made'],
    ['!1', 'cannot be applied to (int)'],
    ['size(1)', '"size" cannot be applied to (int)'],
    ['', 'this is not CEL'],
  ])('%j: %s', (text, message) => {
    expect(refusal(text)).toContain(message);
  });

  test('a wrong result type is seen statically, even behind loops and conditions', () => {
    expect(refusal('[1].exists(x, x == 1) ? "a" : "b"', { result: 'bool' })).toContain(
      'a bool is needed, not a string',
    );
    expect(refusal('input.exists(x, x == 1)', { result: 'bool' })).toBe('accepted');
    expect(refusal('1 + 1', { result: 'number' })).toBe('accepted');
  });

  test('the place is told by the field of the caller', () => {
    expect(() => compileExpression('1 +', { variables: {}, field: '/steps/2/when' })).toThrowError(
      expect.objectContaining({ violations: [expect.objectContaining({ field: '/steps/2/when' })] }),
    );
  });

  test('too long, too deep, too many loops inside each other', () => {
    expect(refusal('1+'.repeat(4_000))).toContain('longer than 4000');
    expect(refusal(`${'1+'.repeat(1_000)}1`)).toContain('too deeply');
    expect(refusal(`${'('.repeat(1_990)}1${')'.repeat(1_990)}`)).not.toBe('');
    expect(refusal(`${'[1].all(x, '.repeat(5)}true${')'.repeat(5)}`)).toContain('More than 4 loops');
  });
});

test('what is read is known: variables, and the fields below them', () => {
  const { variables, references } = compileExpression(
    'steps.check.output.score > 0.5 &&\n has(input["cve ids"].first) && [1].all(steps, steps > input.n)',
    { variables: { steps: 'map', input: 'map', unused: 'dyn' } },
  );
  expect(variables).toEqual(['input', 'steps']);
  expect(references.map(({ path }) => path.join('/'))).toEqual([
    'steps/check/output/score',
    'input/cve ids/first',
    'input/n',
  ]);
  expect(references[1]).toMatchObject({ line: 2 });
});

describe('bombs go off harmlessly', () => {
  const long = Array.from({ length: 1_000 }, (_, index) => index);
  const text = 'ab'.repeat(100_000);
  test.each<[string, string, JsonValue]>([
    ['nested loops', 'input.all(a, input.all(b, input.all(c, input.all(d, a + b + c + d >= 0))))', long],
    [
      'nested loops behind an absorbing operator',
      'input.exists(a, input.exists(b, input.exists(c, false || a < 0))) || true',
      long,
    ],
    ['nested loops that build lists', 'input.map(a, input.map(b, input.map(c, c)))', long],
    ['doubling text', `${'['.repeat(1)}input${']'}.map(s, s+s)${'.map(s, s+s)'.repeat(30)}`, 'x'.repeat(1_000)],
    ['doubling lists', `[input]${'.map(l, l + l)'.repeat(30)}`, long],
    ['replacing by something large', 'input.replace("a", input).replace("b", input)', text],
    ['replacing nothing', 'input.replace("", input)', text],
    [
      'joining',
      '[1,2,3,4,5,6,7,8,9].map(i, [input].map(s, s).map(s, s + s).map(s, s + s + s + s)).map(l, l.join("")).join(input)',
      text,
    ],
    [
      'formatting',
      '[1,2,3,4,5,6].map(a, [1,2,3,4,5,6].map(b, [1,2,3,4,5,6].map(c, "%s%s%s".format([input, input, input]))))',
      text,
    ],
    ['comparing', 'input.all(a, input == input)', Array.from({ length: 3_000 }, () => ['x'])],
    ['searching lists', 'input.all(a, !((a + 0.5) in input))', Array.from({ length: 5_000 }, (_, index) => index)],
    ['sharing', `[[input]]${'.map(x, [x, x])'.repeat(40)}`, 'x'],
    ['matching', 'input.t.all(t, input.s.matches("a[ab]{300}[cd]$" + t))', { t: ['1', '2', '3'], s: text }],
    ['large numbers from text', 'int(input) > 0', '9'.repeat(1_000_000)],
  ])('%s', (_, expression, input) => {
    const started = performance.now();
    expect(() => run(expression, input)).toThrowError(expect.objectContaining({ reason: 'EXPRESSION_TOO_COSTLY' }));
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('an input that is too large or too deep is refused', () => {
    const wide = Array.from({ length: 2_000_000 }, () => 0);
    expect(() => run('size(input)', wide)).toThrowError(expect.objectContaining({ reason: 'EXPRESSION_TOO_COSTLY' }));
    const deep = Array.from({ length: 200 }).reduce<JsonValue>((inner) => [inner], null);
    expect(() => run('size(input)', deep)).toThrowError(expect.objectContaining({ reason: 'EXPRESSION_FAILED' }));
  });

  test('honest work fits: ten thousand elements, a text of 500,000 characters', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => index);
    expect(run('input.filter(x, x % 2 == 0).map(x, x * 2 + 1).size()', many)).toBe(5_000);
    const ids = Array.from({ length: 100 }, (_, index) => `CVE-2026-${index}`);
    const known = compileExpression('output.cves.all(id, context.input.contains(id))', {
      variables: { output: 'dyn', context: 'map' },
      result: 'bool',
    });
    const input = 'x'.repeat(500_000) + ids.join(' ');
    expect(known.evaluate({ output: { cves: ids }, context: { input } })).toBe(true);
    expect(known.evaluate({ output: { cves: [...ids, 'CVE-1999-1'] }, context: { input } })).toBe(false);
  });

  test('one spent evaluation leaves the next its whole budget', () => {
    const loop = compileExpression('input.all(a, input.all(b, true))', {
      variables: { input: 'list' },
      budget: 10_000,
    });
    expect(() => loop.evaluate({ input: long })).toThrowError(
      expect.objectContaining({ reason: 'EXPRESSION_TOO_COSTLY' }),
    );
    expect(loop.evaluate({ input: [1, 2, 3] })).toBe(true);
  });
});
