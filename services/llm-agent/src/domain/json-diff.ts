import type { JsonValue } from './output-schema.ts';

/** One place that is different; `before` or `after` is undefined where there was or is nothing. */
export interface JsonChange {
  readonly pointer: string;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/** What is different, by JSON pointer (RFC 6901), as deep as both sides have the same shape; in the order of pointers. */
export function diffJson(before: JsonValue | undefined, after: JsonValue | undefined, pointer = ''): JsonChange[] {
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) => diffJson(before[index], after[index], `${pointer}/${index}`)).flat();
  }
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => diffJson(own(before, name), own(after, name), `${pointer}/${escaped(name)}`));
  }
  return before === after ? [] : [{ pointer, before, after }];
}

function isObject(value: JsonValue | undefined): value is { [name: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A schema may well have a property `constructor`. */
function own(object: { [name: string]: JsonValue }, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
