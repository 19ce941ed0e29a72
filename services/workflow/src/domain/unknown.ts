import { isObject, type JsonValue, pointerPart } from './json.ts';

/** Stands in a dry run for a value that nobody knows before a run. As JSON it is the text that would make it. */
class Unknown {
  readonly #source: string;

  constructor(source: string) {
    this.#source = source;
  }

  toJSON(): string {
    return this.#source;
  }

  toString(): string {
    return this.#source;
  }
}

/** A condition that depends on what is not known. */
export class Undecided extends Error {
  /** Where the condition stands in the definition. */
  readonly pointer: string;

  constructor(pointer: string) {
    super(`What ${pointer} comes to is not known.`);
    this.pointer = pointer;
  }
}

/** `source` says how the value would be made: `${steps.ask.output}`. */
export function unknown(source: string): JsonValue {
  return new Unknown(source) as unknown as JsonValue;
}

export function isUnknown(value: JsonValue | undefined): boolean {
  return value instanceof Unknown;
}

/** JSON pointers to the parts of a value that are not known. */
export function unknownIn(value: JsonValue | undefined, at = ''): readonly string[] {
  if (isUnknown(value)) return [at];
  if (Array.isArray(value)) return value.flatMap((item, index) => unknownIn(item, `${at}/${index}`));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => unknownIn(inner, `${at}/${pointerPart(name)}`));
}
