import { expect, test } from 'vitest';
import { compilePattern } from './pattern.ts';

test('patterns that break backtracking engines answer in linear time', () => {
  const text = `${'a'.repeat(100_000)}!`;
  const started = performance.now();
  for (const pattern of ['^(a+)+$', '^(a|aa)+$', '(.*)*b', '(x+x+)+y']) {
    expect(compilePattern(pattern).occursIn(text)).toBe(false);
  }
  expect(performance.now() - started).toBeLessThan(5_000);
});

test('a pattern whose written-out repetitions meet a long text is refused instead of slow', () => {
  const pattern = compilePattern('a[ab]{900}[de]');
  expect(pattern.occursIn('ab'.repeat(1_000))).toBe(false);
  expect(() => pattern.occursIn('ab'.repeat(250_000))).toThrowError(
    expect.objectContaining({ code: 'failed_precondition', reason: 'PATTERN_TOO_COSTLY' }),
  );
});

test.each([
  ['(', 'missing closing )'],
  ['(?=a)', 'invalid or unsupported Perl syntax'],
  ['(a)\\1', 'invalid escape sequence'],
  ['a{1001}', 'invalid repeat count'],
  ['(a{1000}){1000}', 'invalid repeat count'],
  ['(?:a{900}|b{900}|c{900})', 'too large once its repetitions are written out'],
  ['x'.repeat(1_001), 'longer than 1000'],
])('%s is refused with its reason', (pattern, message) => {
  expect(() => compilePattern(pattern, { field: 'configuration.pattern' })).toThrowError(
    expect.objectContaining({
      code: 'invalid_argument',
      reason: 'PATTERN_INVALID',
      message: expect.stringContaining(message),
      violations: [expect.objectContaining({ field: 'configuration.pattern' })],
    }),
  );
});

test('flags are i, m and s', () => {
  expect(compilePattern('^b$', { flags: 'im' }).occursIn('a\nB\nc')).toBe(true);
  expect(compilePattern('a.b', { flags: 's' }).occursIn('a\nb')).toBe(true);
  expect(() => compilePattern('a', { flags: 'g' })).toThrowError(
    expect.objectContaining({ reason: 'PATTERN_INVALID' }),
  );
});
