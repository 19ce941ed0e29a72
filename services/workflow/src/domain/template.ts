import { AppError } from '@flotilla/errors';
import { compileExpression, type Reference, type VariableType } from '@flotilla/expressions';
import { EVENT } from './event-wait.ts';
import { isObject, type JsonObject, type JsonValue, pointerPart } from './json.ts';
import type { Scope } from './scope.ts';
import { isUnknown, Undecided, unknown } from './unknown.ts';

/** A compiled CEL expression over a run's scope. */
export type Expression = (scope: Scope) => JsonValue;
/** A JSON value whose strings may hold `${…}` expressions. */
export type Template = (scope: Scope) => JsonValue;

/** Where expressions stand, and who is told about them. Compiling goes on after an error, so that an author sees every problem at once. */
export interface Compiler {
  /** In an undo, `effect.key` is known too. */
  readonly undo: boolean;
  /** Names that the blocks around give their steps. */
  readonly variables: readonly string[];
  used(pointer: string, references: readonly Reference[]): void;
  refused(pointer: string, error: AppError): void;
}

const MAX_DEPTH = 32;
const variables = { input: 'map', steps: 'map', run: 'map', context: 'map' } as const;

/** Compiles a condition. What cannot be compiled is reported, and throws when it is evaluated. */
export function compileCondition(pointer: string, text: string, compiler: Compiler): Expression {
  const { evaluate, paths } = compile(pointer, text, 'bool', compiler);
  return watched(pointer, text, paths, evaluate, () => {
    throw new Undecided(pointer);
  });
}

/**
 * Compiles a condition over something that is yet to come, `event`. What it answers of the scope is all that evaluating it then
 * takes. What cannot be compiled is reported.
 */
export function compileLaterCondition(pointer: string, text: string, compiler: Compiler): (scope: Scope) => JsonObject {
  const { paths } = compile(pointer, text, 'bool', { ...compiler, variables: [...compiler.variables, EVENT] });
  const spokenOf = paths.filter(([name]) => name !== EVENT).sort((one, other) => one.length - other.length);
  return (scope) => {
    scope.watch?.evaluated(pointer, text, undefined);
    const known: JsonObject = {};
    const from = bindings(scope, stepIdsOf(spokenOf));
    for (const path of spokenOf) copyAt(path, from, known);
    return known;
  };
}

/** Of shorter paths first: what a longer one is a part of is there as a whole. */
function copyAt([name = '', ...rest]: readonly string[], from: JsonObject, into: JsonObject): void {
  const value = Object.hasOwn(from, name) ? from[name] : undefined;
  if (value === undefined || into[name] === value) return;
  if (rest.length === 0 || isUnknown(value) || !isObject(value)) into[name] = value;
  else {
    const part = into[name] ?? {};
    into[name] = part;
    copyAt(rest, value, part as JsonObject);
  }
}

/**
 * Compiles a template. `"${input.n}"` keeps the type of what the expression gives; among other text it becomes text.
 * `$${` stands for a plain `${`. Keys of objects are taken as they are.
 */
export function compileTemplate(
  pointer: string,
  value: JsonValue,
  result: 'text' | 'any',
  compiler: Compiler,
): Template {
  const template = compileNode(pointer, value, compiler, 0);
  if (result !== 'text') return template;
  return (scope) => {
    const value = template(scope);
    return isUnknown(value) ? value : asText(value);
  };
}

interface Compiled {
  readonly evaluate: Expression;
  /** What it speaks of. */
  readonly paths: readonly (readonly string[])[];
}

/** In a dry run what speaks of something unknown is not evaluated. */
function watched(
  pointer: string,
  text: string,
  paths: Compiled['paths'],
  evaluate: Expression,
  otherwise: () => JsonValue,
): Expression {
  return (scope) => {
    const { watch } = scope;
    if (watch === undefined) return evaluate(scope);
    if (!watch.knows(scope, paths)) {
      watch.evaluated(pointer, text, undefined);
      return otherwise();
    }
    try {
      const value = evaluate(scope);
      watch.evaluated(pointer, text, value);
      return value;
    } catch (error) {
      watch.failed(pointer);
      throw error;
    }
  };
}

function compile(pointer: string, text: string, result: 'bool' | 'dyn', compiler: Compiler): Compiled {
  const declared: Record<string, VariableType> = {
    ...Object.fromEntries(compiler.variables.map((name) => [name, 'dyn'])),
    ...variables,
    ...(compiler.undo ? { effect: 'map' } : {}),
  };
  try {
    const expression = compileExpression(text, { variables: declared, result, field: pointer });
    compiler.used(pointer, expression.references);
    const paths = expression.references.map(({ path }) => path);
    const stepIds = stepIdsOf(paths);
    return { paths, evaluate: (scope) => expression.evaluate(bindings(scope, stepIds)) as JsonValue };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    compiler.refused(pointer, result === 'bool' && compiles(text, declared) ? wrongType(error) : error);
    const evaluate = () => {
      throw error;
    };
    return { paths: [], evaluate };
  }
}

function stepIdsOf(paths: Compiled['paths']): readonly string[] {
  return paths.flatMap(([name, id]) => (name === 'steps' ? (id ?? []) : []));
}

/** Only the steps that are spoken of: the others may have left much. */
function bindings(
  { input, run, context, effect, variables: given, factsOf }: Scope,
  stepIds: readonly string[],
): JsonObject {
  const steps: JsonObject = {};
  for (const id of stepIds) {
    const facts = factsOf(id);
    if (facts !== undefined) steps[id] = facts;
  }
  // A block of before there was a context may call its item so.
  return {
    context,
    ...given,
    input,
    steps,
    run: { ...run },
    ...(effect === undefined ? {} : { effect: { ...effect } }),
  };
}

function compiles(text: string, declared: Readonly<Record<string, VariableType>>): boolean {
  try {
    compileExpression(text, { variables: declared });
    return true;
  } catch {
    return false;
  }
}

function wrongType(error: AppError): AppError {
  return new AppError('invalid_argument', 'EXPRESSION_TYPE', error.message, { cause: error });
}

function compileNode(pointer: string, value: JsonValue, compiler: Compiler, depth: number): Template {
  if (depth > MAX_DEPTH) {
    compiler.refused(pointer, invalid(`The template is deeper than ${MAX_DEPTH} levels.`));
    return () => null;
  }
  if (typeof value === 'string') return compileText(pointer, value, compiler);
  const child = (name: string | number, inner: JsonValue): Template =>
    compileNode(`${pointer}/${pointerPart(name)}`, inner, compiler, depth + 1);
  if (Array.isArray(value)) {
    const items = value.map((item, index) => child(index, item));
    return (scope) => items.map((item) => item(scope));
  }
  if (isObject(value)) {
    const fields = Object.entries(value).map(([name, inner]) => [name, child(name, inner)] as const);
    return (scope) => Object.fromEntries(fields.map(([name, field]) => [name, field(scope)]));
  }
  return () => value;
}

function compileText(pointer: string, text: string, compiler: Compiler): Template {
  const parts = splitText(text);
  if (parts === undefined) {
    compiler.refused(pointer, invalid('An expression that starts with "${" has no end.'));
    return () => text;
  }
  const compiled = parts.map((part): Compiled => {
    if ('expression' in part) return compile(pointer, part.expression, 'dyn', compiler);
    return { evaluate: () => part.literal, paths: [] };
  });
  const [only] = compiled;
  const evaluate: Template =
    only !== undefined && compiled.length === 1
      ? only.evaluate
      : (scope) => compiled.map((part) => asText(part.evaluate(scope))).join('');
  if (parts.every((part) => 'literal' in part)) return evaluate;
  const paths = compiled.flatMap((part) => part.paths);
  return watched(pointer, text, paths, evaluate, () => unknown(text));
}

type TextPart = { readonly literal: string } | { readonly expression: string };

/** Splits `a ${b} c` into its parts; braces and quotes inside an expression are respected. Undefined where an expression has no end. */
export function splitText(text: string): TextPart[] | undefined {
  const parts: TextPart[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    if (text.startsWith('$${', at)) {
      literal += '${';
      at += 3;
    } else if (text.startsWith('${', at)) {
      const end = endOfExpression(text, at + 2);
      if (end === undefined) return undefined;
      if (literal !== '') parts.push({ literal });
      literal = '';
      parts.push({ expression: text.slice(at + 2, end) });
      at = end + 1;
    } else {
      literal += text[at];
      at += 1;
    }
  }
  if (literal !== '' || parts.length === 0) parts.push({ literal });
  return parts;
}

function endOfExpression(text: string, start: number): number | undefined {
  let depth = 0;
  let quote: string | undefined;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (quote !== undefined) {
      if (character === '\\') at += 1;
      else if (character === quote) quote = undefined;
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '{') depth += 1;
    else if (character === '}' && depth === 0) return at;
    else if (character === '}') depth -= 1;
  }
  return undefined;
}

function asText(value: JsonValue): string {
  if (typeof value === 'string') return value;
  return value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function invalid(message: string): AppError {
  return new AppError('invalid_argument', 'TEMPLATE_INVALID', message);
}
