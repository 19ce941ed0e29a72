import type { CelEnv, CelFunc } from '@bufbuild/cel';
import { AppError } from '@flotilla/errors';
import { type Call, type Comprehension, type Expr, fieldPath, partsOf } from './expression-tree.ts';
import { anything, fits, join, nameOf, type StaticType } from './expression-type.ts';
import { compilePattern } from './pattern.ts';

/** A mistake that can be seen without running the expression. */
export class CheckFailure extends Error {
  readonly at: bigint;

  constructor(at: bigint, message: string) {
    super(message);
    this.at = at;
  }
}

/** What an expression reads: a variable and the fields below it, as far as they are written out. */
export interface Read {
  readonly path: readonly string[];
  readonly at: bigint;
}

/** Names that stand for types, as in `type(x) == string`. */
const typeNames = new Set(['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type']);

const notSelectable = new Set(['int', 'uint', 'double', 'number', 'bool', 'string', 'bytes', 'list', 'null_type']);

/**
 * Finds unknown variables and functions and operands that can never fit, and says what the expression results in.
 * CEL for JavaScript has no type checker; the types of its functions are all known, though.
 */
export function check(env: CelEnv, root: Expr, variables: Readonly<Record<string, StaticType>>) {
  const reads: Read[] = [];
  const globals = new Map(Object.entries(variables));
  type Scope = ReadonlyMap<string, StaticType>;

  function typeOf(expr: Expr, scope: Scope): StaticType {
    const kind = expr.exprKind;
    switch (kind.case) {
      case 'constExpr':
        return constantTypes[kind.value.constantKind.case ?? ''] ?? anything;
      case 'identExpr':
        return identifierType(expr, kind.value.name, scope);
      case 'selectExpr':
        return selectionType(expr, kind.value.operand, scope, kind.value.testOnly);
      case 'callExpr':
        return callType(expr, kind.value, scope);
      case 'listExpr':
        for (const element of kind.value.elements) typeOf(element, scope);
        return 'list';
      case 'structExpr':
        if (kind.value.messageName !== '') {
          throw new CheckFailure(expr.id, `messages such as ${kind.value.messageName} cannot be made`);
        }
        for (const part of partsOf(expr).once) typeOf(part, scope);
        return 'map';
      case 'comprehensionExpr':
        return loopType(kind.value, scope);
      default:
        throw new CheckFailure(expr.id, 'the expression is not complete');
    }
  }

  function identifierType(expr: Expr, name: string, scope: Scope): StaticType {
    const local = scope.get(name);
    if (local !== undefined) return local;
    const type = globals.get(name.replace(/^\./, ''));
    if (type !== undefined) {
      reads.push({ path: [name.replace(/^\./, '')], at: expr.id });
      return type;
    }
    if (typeNames.has(name)) return 'type';
    const known = [...globals.keys()].sort().join(', ');
    throw new CheckFailure(expr.id, `there is no variable "${name}"; there is ${known || 'none'}`);
  }

  function selectionType(expr: Expr, operand: Expr | undefined, scope: Scope, testOnly: boolean): StaticType {
    const path = pathOf(expr, scope);
    const root = path?.[0];
    const operandType =
      path !== undefined && root !== undefined && globals.has(root)
        ? rootType(path, root, expr.id)
        : operand === undefined
          ? anything
          : typeOf(operand, scope);
    if (notSelectable.has(operandType)) throw new CheckFailure(expr.id, `a ${operandType} has no fields`);
    return testOnly ? 'bool' : anything;
  }

  function rootType(path: readonly string[], root: string, at: bigint): StaticType {
    reads.push({ path, at });
    return globals.get(root) ?? anything;
  }

  /** Unless a loop's variable hides the name. */
  const pathOf = (expr: Expr, scope: Scope) => fieldPath(expr, (name) => scope.has(name));

  function callType(expr: Expr, call: Call, scope: Scope): StaticType {
    const path = pathOf(expr, scope);
    if (path !== undefined && globals.has(path[0] ?? '')) return selectionType(expr, undefined, scope, false);
    const qualified = qualifiedName(call);
    if (qualified !== undefined && env.funcs.find(qualified) !== undefined) {
      return overloadType(expr, qualified, undefined, typesOf(call.args, scope));
    }
    const target = call.target && typeOf(call.target, scope);
    const args = typesOf(call.args, scope);
    if (call.function === 'matches') checkPattern(call.args.at(-1));
    switch (call.function) {
      case '_&&_':
      case '_||_':
        return demand(call.args, args, 'bool', 'bool');
      case '@not_strictly_false':
        return 'bool';
      case '_?_:_':
        demand(call.args.slice(0, 1), args.slice(0, 1), 'bool', 'bool');
        return join(args.slice(1));
      case '_[_]':
        if (args[0] !== 'list' && notSelectable.has(args[0] ?? anything)) {
          throw new CheckFailure(expr.id, `a ${args[0]} has no elements`);
        }
        return anything;
      default:
        return overloadType(expr, call.function, target, args);
    }
  }

  function typesOf(args: readonly Expr[], scope: Scope): StaticType[] {
    return args.map((arg) => typeOf(arg, scope));
  }

  function overloadType(expr: Expr, name: string, target: StaticType | undefined, args: readonly StaticType[]) {
    const group = env.funcs.find(name);
    if (group === undefined) throw new CheckFailure(expr.id, `there is no function "${spoken(name)}"`);
    const matching = [...group].filter((func) => accepts(func, target, args));
    if (matching.length > 0) return join(matching.map((func) => nameOf(func.result)));
    const given = `${target === undefined ? '' : `${target}.`}(${args.join(', ')})`;
    throw new CheckFailure(expr.id, `"${spoken(name)}" cannot be applied to ${given}`);
  }

  function loopType(loop: Comprehension, scope: Scope): StaticType {
    const { iterRange, accuInit, loopCondition, loopStep, result } = loop;
    if (!iterRange || !accuInit || !loopCondition || !loopStep || !result) return anything;
    const range = typeOf(iterRange, scope);
    if (!fits(range, 'list') && !fits(range, 'map')) {
      throw new CheckFailure(iterRange.id, `a ${range} has no elements to go through`);
    }
    const outer = new Map(scope).set(loop.accuVar, typeOf(accuInit, scope));
    const inner = new Map(outer).set(loop.iterVar, anything);
    typeOf(loopCondition, inner);
    typeOf(loopStep, inner);
    return typeOf(result, outer);
  }

  return { type: typeOf(root, new Map()), reads };
}

/** A pattern that is written out can be seen to be none; one that is made by the expression fails when it runs. */
function checkPattern(expr: Expr | undefined): void {
  const constant = expr?.exprKind.case === 'constExpr' ? expr.exprKind.value.constantKind : undefined;
  if (expr === undefined || constant?.case !== 'stringValue') return;
  try {
    compilePattern(constant.value);
  } catch (error) {
    if (error instanceof AppError) throw new CheckFailure(expr.id, error.message.replace(/\.$/, ''));
    throw error;
  }
}

function demand(exprs: readonly Expr[], types: readonly StaticType[], wanted: StaticType, result: StaticType) {
  for (const [index, type] of types.entries()) {
    if (!fits(type, wanted))
      throw new CheckFailure(exprs[index]?.id ?? 0n, `a ${wanted} is needed here, not a ${type}`);
  }
  return result;
}

function accepts(func: CelFunc, target: StaticType | undefined, args: readonly StaticType[]): boolean {
  if ((func.target === undefined) !== (target === undefined) || func.arguments.length !== args.length) return false;
  if (func.target !== undefined && target !== undefined && !fits(target, nameOf(func.target))) return false;
  return func.arguments.every((type, index) => fits(args[index] ?? anything, nameOf(type)));
}

/** `strings.quote` in `strings.quote(x)`. */
function qualifiedName(call: Call): string | undefined {
  const target = call.target?.exprKind;
  return target?.case === 'identExpr' ? `${target.value.name}.${call.function}` : undefined;
}

/** `_+_` is `+` for people. */
function spoken(name: string): string {
  return name.replaceAll('_', '').replace('@', '') || name;
}

const constantTypes: Record<string, StaticType> = {
  boolValue: 'bool',
  bytesValue: 'bytes',
  doubleValue: 'double',
  int64Value: 'int',
  nullValue: 'null_type',
  stringValue: 'string',
  uint64Value: 'uint',
};
