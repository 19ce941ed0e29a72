import { type CelError, isCelError, parse, plan } from '@bufbuild/cel';
import { AppError } from '@flotilla/errors';
import { CheckFailure, check } from './check.ts';
import { createEnvironment } from './environment.ts';
import { depthOf, instrument, weightOf } from './expression-tree.ts';
import { fits, type ResultType, typeOfValue, type VariableType } from './expression-type.ts';
import { fromCel, type JsonObject, type JsonValue, toCelPart, type Wanted } from './json-value.ts';
import { BudgetSpent, createMeter } from './meter.ts';
import { lineAndColumn } from './place.ts';

/** What an expression may see and how large it may be. */
export interface CompileOptions<Result extends ResultType = ResultType> {
  readonly variables: Readonly<Record<string, VariableType>>;
  /** What it must result in; anything by default. */
  readonly result?: Result;
  /** Characters; 4,000 by default. */
  readonly maxLength?: number;
  /** Levels of nesting; 100 by default. Loops inside loops: at most 4. */
  readonly maxDepth?: number;
  /** Work of one evaluation, input and result included; 1,000,000 by default, a fraction of a second. */
  readonly budget?: number;
  /** Field path or JSON pointer for the violation; `expression` by default. */
  readonly field?: string;
}

/** A value that the expression reads: `steps.check.output` is `['steps', 'check', 'output']`. */
export interface Reference {
  readonly path: readonly string[];
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** A compiled expression. */
export interface Expression<Value = JsonValue> {
  readonly text: string;
  /** The variables that are read, sorted. */
  readonly variables: readonly string[];
  readonly references: readonly Reference[];
  /**
   * Runs the expression; the same bindings give the same result.
   * @throws AppError failed_precondition EXPRESSION_FAILED when it does not suit the values, EXPRESSION_TOO_COSTLY when it exceeds its budget.
   */
  evaluate(bindings: Readonly<Record<string, JsonValue | undefined>>): Value;
}

/** What a result is in TypeScript. */
export type ValueOf<Result extends ResultType> = {
  dyn: JsonValue;
  string: string;
  bool: boolean;
  number: number;
  list: readonly JsonValue[];
  map: JsonObject;
}[Result];

const environment = createEnvironment();
const maxLoopDepth = 4;

/**
 * Compiles a CEL expression. Numbers are those of JSON: `input.n + 1` works, `3 / 2` of two inputs is 1.5; integer literals alone stay integers.
 *
 * @throws AppError invalid_argument EXPRESSION_INVALID with line and column: syntax, unknown variable or function, operands that never fit, wrong result, too large.
 * @example
 * const known = compileExpression('output.cves.all(id, context.input.contains(id))', { variables: { output: 'dyn', context: 'map' }, result: 'bool' });
 * known.evaluate({ output: { cves: ['CVE-2026-1'] }, context: { input: 'fixes CVE-2026-1' } }); // true
 */
export function compileExpression<Result extends ResultType = 'dyn'>(
  text: string,
  options: CompileOptions<Result>,
): Expression<ValueOf<Result>> {
  const refuse = refusalFor(options);
  const maxLength = options.maxLength ?? 4_000;
  if (text.length > maxLength) throw refuse(`The expression is longer than ${maxLength} characters.`);

  const parsed = parseText(text, refuse);
  const depth = depthOf(parsed.expr);
  if (depth.levels > (options.maxDepth ?? 100)) throw refuse('The expression is nested too deeply.');
  if (depth.loops > maxLoopDepth) throw refuse(`More than ${maxLoopDepth} loops stand inside each other.`);
  return compileTree(text, parsed, options, refuse);
}

/** How mistakes are told. */
export function refusalFor({ field = 'expression' }: Pick<CompileOptions, 'field'>): Refuse {
  return (message, cause) =>
    new AppError('invalid_argument', 'EXPRESSION_INVALID', message, {
      cause,
      violations: [{ field, reason: 'EXPRESSION_INVALID', message }],
    });
}

/** Compiles what was parsed, or a part of it. Changes the tree. */
export function compileTree<Result extends ResultType>(
  text: string,
  parsed: ReturnType<typeof parse>,
  options: CompileOptions<Result>,
  refuse: Refuse,
): Expression<ValueOf<Result>> {
  const place = (id: bigint | undefined) => lineAndColumn(text, parsed.sourceInfo?.positions[String(id)] ?? 0);
  const refuseAt = (id: bigint | undefined, message: string, cause?: unknown): AppError => {
    const { line, column } = place(id);
    return refuse(`Line ${line}, column ${column}: ${message}.`, cause);
  };
  const found = checkTree(() => check(environment.env, parsed.expr, options.variables), refuseAt);
  const result = options.result ?? 'dyn';
  if (!fits(found.type, result)) throw refuseAt(parsed.expr.id, `a ${result} is needed, not a ${found.type}`);
  instrument(parsed.expr);
  const run = checkTree(() => plan(environment.env, parsed), refuseAt);
  const weight = weightOf(parsed.expr);
  const wanted = wantedOf(found.reads.map(({ path }) => path));
  const variables = [...wanted.keys()].sort();

  return {
    text,
    variables,
    references: found.reads.map(({ path, at }) => ({ path, ...place(at) })),
    evaluate(bindings) {
      const meter = createMeter(options.budget ?? 1_000_000);
      try {
        return environment.metered(meter, () => {
          meter.spend(weight);
          const inputs = Object.fromEntries(
            Array.from(wanted, ([name, part]) => [name, toCelPart(bindings[name] ?? null, part, meter)]),
          );
          const value = run(Object.assign(Object.create(null), inputs));
          if (meter.isSpent()) throw new BudgetSpent();
          if (isCelError(value)) throw value;
          const type = typeOfValue(value);
          if (!fits(type, result)) throw new TypeError(`The result is a ${type}, not a ${result}.`);
          return fromCel(value, meter) as ValueOf<Result>;
        });
      } catch (error) {
        throw failureOf(error, place);
      }
    },
  };
}

/** What of each variable is read. A path that ends above another one wants all of what that one wants a part of. */
function wantedOf(paths: readonly (readonly string[])[]): ReadonlyMap<string, Wanted> {
  const root = new Map<string, Wanted>();
  for (const path of paths) {
    let at = root;
    for (const [index, name] of path.entries()) {
      const known = at.get(name);
      if (known === 'all') break;
      const below = index === path.length - 1 ? 'all' : ((known ?? new Map()) as Map<string, Wanted>);
      at.set(name, below);
      if (below === 'all') break;
      at = below;
    }
  }
  return root;
}

type Refuse = (message: string, cause?: unknown) => AppError;

function parseText(text: string, refuse: Refuse): ReturnType<typeof parse> {
  try {
    return parse(text);
  } catch (error) {
    const offset = hasLocation(error) ? error.location.start.offset : undefined;
    if (offset === undefined)
      throw refuse('The expression is nested too deeply or holds an impossible literal.', error);
    const { line, column } = lineAndColumn(text, offset);
    const near = text.slice(offset, offset + 20);
    throw refuse(`Line ${line}, column ${column}: this is not CEL${near === '' ? '' : `: ${near}`}`, error);
  }
}

function hasLocation(error: unknown): error is { location: { start: { offset: number } } } {
  return error instanceof Error && 'location' in error && typeof error.location === 'object';
}

function checkTree<T>(
  step: () => T,
  refuseAt: (id: bigint | undefined, message: string, cause: unknown) => AppError,
): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof CheckFailure) throw refuseAt(error.at, error.message, error);
    throw refuseAt(undefined, 'the expression cannot be understood', error);
  }
}

function failureOf(error: unknown, place: (id: bigint | undefined) => { line: number; column: number }): AppError {
  const costly = error instanceof BudgetSpent || (isCelError(error) && error.cause instanceof BudgetSpent);
  if (costly) {
    return new AppError(
      'failed_precondition',
      'EXPRESSION_TOO_COSTLY',
      'The expression does too much with these values.',
      {
        cause: error,
      },
    );
  }
  if (isCelError(error)) {
    if (error.cause instanceof AppError) return error.cause;
    return failed(messageAt(error, place(error.exprId)), error);
  }
  if (error instanceof TypeError || error instanceof RangeError) return failed(error.message, error);
  return failed('The expression failed.', error);
}

function messageAt(error: CelError, { line, column }: { line: number; column: number }): string {
  return `Line ${line}, column ${column}: ${error.message}.`;
}

function failed(message: string, cause: unknown): AppError {
  return new AppError('failed_precondition', 'EXPRESSION_FAILED', message, { cause });
}
