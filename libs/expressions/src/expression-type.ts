import { CelScalar, type CelType, type CelValue, celType } from '@bufbuild/cel';

/** What a caller can say about a variable. `dyn` is anything. */
export type VariableType = 'dyn' | 'string' | 'bool' | 'number' | 'list' | 'map';

/** What a caller can demand of a result. */
export type ResultType = VariableType;

/** A type as the static check sees it: a name of CEL's, or `number`, which may be an int or a double. */
export type StaticType = string;

export const anything: StaticType = 'dyn';

const numeric = new Set(['int', 'uint', 'double', 'number']);

/** Whether a value of type `actual` can be where `wanted` is expected. Numbers convert where the value allows it. */
export function fits(actual: StaticType, wanted: StaticType): boolean {
  return (
    actual === anything || wanted === anything || actual === wanted || (numeric.has(actual) && numeric.has(wanted))
  );
}

/** The one type of several possibilities, or anything. */
export function join(types: readonly StaticType[]): StaticType {
  const distinct = new Set(types);
  if (distinct.size === 1) return types[0] ?? anything;
  return types.length > 0 && types.every((type) => numeric.has(type)) ? 'number' : anything;
}

export function nameOf(type: CelType): StaticType {
  return type === CelScalar.DYN ? anything : type.name;
}

/** The result type that a value at run time has, in the words of {@link ResultType}. */
export function typeOfValue(value: CelValue): StaticType {
  const name = celType(value).name;
  return numeric.has(name) ? 'number' : name;
}
