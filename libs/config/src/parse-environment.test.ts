import { expect, test } from 'vitest';
import { describeEnvironment, type EnvironmentReader, parseEnvironment, replaceEnvironmentTable } from './index.ts';

const build = (read: EnvironmentReader) => ({
  port: read.integer('PORT', { description: 'Listens here.', default: 7000, max: 65_535 }),
  url: read.url('DATABASE_URL', { description: 'The database.', protocols: ['postgres'] }),
  level: read.oneOf('LEVEL', { description: 'How much is said.', values: ['info', 'debug'], default: 'info' }),
  key: read.secret('KEY', { description: 'The key.', minLength: 4 }),
  note: read.text('NOTE', { description: 'A note.', optional: true }),
  names: read.list('NAMES', { description: 'Names.', default: [] }),
  colours: read.list('COLOURS', { description: 'Colours.', default: [], values: ['red', 'blue'] }),
});

test('typed values come out, with defaults for what is missing', () => {
  expect(
    parseEnvironment({ DATABASE_URL: 'postgres://a/b', KEY: 'secret', NAMES: 'a, b', COLOURS: 'blue' }, build),
  ).toEqual({
    port: 7000,
    url: 'postgres://a/b',
    level: 'info',
    key: 'secret',
    note: undefined,
    names: ['a', 'b'],
    colours: ['blue'],
  });
});

test('all problems are reported at once, and no value of a secret or a URL among them', () => {
  const env = {
    PORT: '70000',
    DATABASE_URL: 'mysql://user:canary@a/b',
    LEVEL: 'loud',
    KEY: 'abc',
    COLOURS: 'red, green',
  };
  let failure: unknown;
  try {
    parseEnvironment(env, build);
  } catch (error) {
    failure = error;
  }
  expect(failure).toMatchObject({ code: 'invalid_argument', reason: 'CONFIG_INVALID' });
  expect((failure as { violations: { field: string }[] }).violations.map(({ field }) => field)).toEqual([
    'PORT',
    'DATABASE_URL',
    'LEVEL',
    'KEY',
    'COLOURS',
  ]);
  expect((failure as Error).message).not.toMatch(/canary|abc/);
});

test.each(['1.5', '0x10', '1e3', ' 5', '-1', '99999999999999999999'])('%j is no whole number of at least 0', (text) => {
  expect(() => parseEnvironment({ PORT: text, DATABASE_URL: 'postgres://a/b', KEY: 'secret' }, build)).toThrow(/PORT/);
});

test('the same function describes the variables, without defaults of secrets', () => {
  expect(describeEnvironment(build).map(({ name, required }) => [name, required])).toEqual([
    ['PORT', false],
    ['DATABASE_URL', true],
    ['LEVEL', false],
    ['KEY', true],
    ['NOTE', false],
    ['NAMES', false],
    ['COLOURS', false],
  ]);
  const readme = replaceEnvironmentTable(
    '# A\n<!-- environment: generated -->\nold\n<!-- environment: end -->\nrest\n',
    build,
  );
  expect(readme).toMatch(/^\| `PORT` +\| whole number +\| `7000` +\| Listens here\. +\|$/m);
  expect(readme).not.toContain('old');
  expect(replaceEnvironmentTable(readme, build)).toBe(readme);
});
