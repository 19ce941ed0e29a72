import { AppError, type Violation } from '@flotilla/errors';
import type { EnvironmentReader } from './environment-reader.ts';

/** `process.env`, or anything of its shape. */
export type Environment = Readonly<Record<string, string | undefined>>;

interface Asked<T> {
  readonly default?: T;
  readonly optional?: true;
}

/**
 * Builds a config value from the environment. Pure; throws one `invalid_argument` CONFIG_INVALID with a violation for
 * every variable that is missing or wrong, so that an operator mends them all at once.
 *
 * @example
 * const config = parseEnvironment(process.env, (read) => ({ port: read.integer('PORT', { description: 'Listens here.' }) }));
 */
export function parseEnvironment<T>(env: Environment, build: (read: EnvironmentReader) => T): T {
  const violations: Violation[] = [];
  const config = build(strictReader(env, violations));
  if (violations.length > 0) {
    const problems = violations.map((violation) => `${violation.field} ${violation.message}`).join('; ');
    throw new AppError('invalid_argument', 'CONFIG_INVALID', `The environment is not usable: ${problems}.`, {
      violations,
    });
  }
  return config;
}

function strictReader(env: Environment, violations: Violation[]): EnvironmentReader {
  /** Answers `placeholder` after a problem: nobody sees it, because the parse fails in the end. */
  function read<T>(name: string, asked: Asked<T>, placeholder: T, parse: (text: string) => T | Problem): T {
    const text = env[name];
    if (text === undefined || text === '') {
      if (asked.default !== undefined) return asked.default;
      if (asked.optional !== true) violations.push({ field: name, reason: 'MISSING', message: 'is missing' });
      return placeholder;
    }
    const value = parse(text);
    if (!(value instanceof Problem)) return value;
    violations.push({ field: name, reason: 'INVALID', message: value.message });
    return placeholder;
  }

  const reader = {
    text: (name: string, asked: Asked<string>) => read(name, asked, absent(asked, ''), (text) => text),
    integer: (name: string, asked: Asked<number> & { min?: number; max?: number }) =>
      read(name, asked, 0, (text) =>
        /^-?\d+$/.test(text) && Number.isSafeInteger(Number(text))
          ? inRange(Number(text), asked.min ?? 0, asked.max)
          : new Problem('must be a whole number'),
      ),
    number: (name: string, asked: Asked<number> & { min?: number; max?: number }) =>
      read(name, asked, 0, (text) =>
        /^-?\d+(\.\d+)?$/.test(text)
          ? inRange(Number(text), asked.min ?? Number.NEGATIVE_INFINITY, asked.max)
          : new Problem('must be a number'),
      ),
    boolean: (name: string, asked: Asked<boolean>) =>
      read(name, asked, false, (text) =>
        text === 'true' || text === 'false' ? text === 'true' : new Problem('must be true or false'),
      ),
    oneOf: (name: string, asked: Asked<string> & { values: readonly string[] }) =>
      read(name, asked, asked.values[0] ?? '', (text) =>
        asked.values.includes(text) ? text : new Problem(`must be one of ${asked.values.join(', ')}`),
      ),
    url: (name: string, asked: Asked<string> & { protocols?: readonly string[] }) =>
      read(name, asked, absent(asked, ''), (text) => checkedUrl(text, asked.protocols)),
    secret: (name: string, asked: Asked<string> & { minLength?: number }) =>
      read(name, asked, absent(asked, ''), (text) =>
        text.length >= (asked.minLength ?? 1) ? text : new Problem(`must have at least ${asked.minLength} characters`),
      ),
    list: (name: string, asked: Asked<readonly string[]> & { values?: readonly string[] }) =>
      read(name, asked, [], (text) => {
        const items = text
          .split(',')
          .map((item) => item.trim())
          .filter((item) => item !== '');
        const { values } = asked;
        const fits = values === undefined || items.every((item) => values.includes(item));
        return fits ? items : new Problem(`must be made of ${values.join(', ')}`);
      }),
  };
  // The overloads of the interface tie `optional` to `undefined`; a plain object cannot say that.
  return reader as unknown as EnvironmentReader;
}

class Problem {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

function absent(asked: { optional?: true }, placeholder: string): string {
  return asked.optional === true ? (undefined as unknown as string) : placeholder;
}

function inRange(value: number, min: number, max = Number.POSITIVE_INFINITY): number | Problem {
  if (value < min) return new Problem(`must be at least ${min}`);
  return value > max ? new Problem(`must be at most ${max}`) : value;
}

function checkedUrl(text: string, protocols: readonly string[] = []): string | Problem {
  if (!URL.canParse(text)) return new Problem('must be a URL');
  const { protocol } = new URL(text);
  return protocols.length === 0 || protocols.includes(protocol.slice(0, -1))
    ? text
    : new Problem(`must be a URL that starts with ${protocols.map((name) => `${name}://`).join(' or ')}`);
}
