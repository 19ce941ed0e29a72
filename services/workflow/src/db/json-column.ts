import type { JsonValue } from '../domain/json.ts';

/** The text of a jsonb value. Postgres refuses NUL characters and lone surrogates, which models and servers do send: they become U+FFFD. */
export function toColumn(value: JsonValue): string {
  const text = JSON.stringify(value);
  return /\\u0000|\\ud[89a-f]/i.test(text) ? JSON.stringify(value, (_name, inner: unknown) => cleaned(inner)) : text;
}

/** A value as it will be read from its column: what is remembered is what is stored. */
export function asStored<T extends JsonValue>(value: T): T {
  const text = toColumn(value);
  return text.includes('\ufffd') ? (JSON.parse(text) as T) : value;
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [cleanText(name), inner]));
}

function cleanText(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd');
}
