export { type CompileOptions, compileExpression, type Expression, type Reference } from './compile-expression.ts';
export { type Equality, equalitiesOf } from './equalities.ts';
export type { ResultType, VariableType } from './expression-type.ts';
export type { JsonObject, JsonValue } from './json-value.ts';
export { compilePattern, type Pattern, type PatternOptions } from './pattern.ts';
