import type { parse } from '@bufbuild/cel';

/** CEL's syntax tree after macros were expanded. */
export type Expr = ReturnType<typeof parse>['expr'];
export type Comprehension = Extract<Expr['exprKind'], { case: 'comprehensionExpr' }>['value'];
export type Call = Extract<Expr['exprKind'], { case: 'callExpr' }>['value'];

/** Spends the weight given as second argument, answers the first. No author can write the name. */
export const spendFunction = '@spend';
/** Adds to the list under construction in place of copying it. No author can write the name. */
export const appendFunction = '@append';

/** The direct parts of an expression; those that run once per element of a loop come separately. */
export function partsOf(expr: Expr): { once: Expr[]; perElement: Expr[] } {
  const kind = expr.exprKind;
  switch (kind.case) {
    case 'selectExpr':
      return { once: present([kind.value.operand]), perElement: [] };
    case 'callExpr':
      return { once: present([kind.value.target, ...kind.value.args]), perElement: [] };
    case 'listExpr':
      return { once: kind.value.elements, perElement: [] };
    case 'structExpr':
      return {
        once: kind.value.entries.flatMap((entry) =>
          present([entry.keyKind.case === 'mapKey' ? entry.keyKind.value : undefined, entry.value]),
        ),
        perElement: [],
      };
    case 'comprehensionExpr': {
      const { iterRange, accuInit, result, loopCondition, loopStep } = kind.value;
      return { once: present([iterRange, accuInit, result]), perElement: present([loopCondition, loopStep]) };
    }
    default:
      return { once: [], perElement: [] };
  }
}

/** Levels of the tree, and how deeply loops stand inside loops. */
export function depthOf(expr: Expr): { levels: number; loops: number } {
  const { once, perElement } = partsOf(expr);
  let levels = 0;
  let loops = 0;
  for (const part of once) {
    const depth = depthOf(part);
    levels = Math.max(levels, depth.levels);
    loops = Math.max(loops, depth.loops);
  }
  for (const part of perElement) {
    const depth = depthOf(part);
    levels = Math.max(levels, depth.levels);
    loops = Math.max(loops, depth.loops + 1);
  }
  return { levels: levels + 1, loops };
}

/** What must hold, each by itself, for the expression to hold. */
export function conjunctsOf(expr: Expr): readonly Expr[] {
  const kind = expr.exprKind;
  const isBoth = kind.case === 'callExpr' && kind.value.function === '_&&_';
  return isBoth ? kind.value.args.flatMap(conjunctsOf) : [expr];
}

/** Of `a == b`. */
export function equalSides({ exprKind: kind }: Expr): readonly Expr[] | undefined {
  return kind.case === 'callExpr' && kind.value.function === '_==_' ? kind.value.args : undefined;
}

/** `steps.check.output` and `steps["check"].output`, unless something hides the name. */
export function fieldPath(
  expr: Expr,
  isHidden: (name: string) => boolean = () => false,
): readonly string[] | undefined {
  const kind = expr.exprKind;
  if (kind.case === 'identExpr') return isHidden(kind.value.name) ? undefined : [kind.value.name.replace(/^\./, '')];
  if (kind.case === 'selectExpr' && kind.value.operand !== undefined) {
    const path = fieldPath(kind.value.operand, isHidden);
    return path && [...path, kind.value.field];
  }
  if (kind.case === 'callExpr' && kind.value.function === '_[_]') {
    const [operand, index] = kind.value.args;
    const key = index?.exprKind.case === 'constExpr' ? index.exprKind.value.constantKind : undefined;
    const path = operand && key?.case === 'stringValue' ? fieldPath(operand, isHidden) : undefined;
    return path && key?.case === 'stringValue' ? [...path, key.value] : undefined;
  }
  return undefined;
}

/** Nodes visited when the expression runs, loops not counted: those count themselves. */
export function weightOf(expr: Expr): number {
  return partsOf(expr).once.reduce((sum, part) => sum + weightOf(part), 1);
}

/** Makes every loop pay for each round, and build its list without copying it each time. Changes the tree. */
export function instrument(expr: Expr): void {
  const { once, perElement } = partsOf(expr);
  for (const part of [...once, ...perElement]) instrument(part);
  if (expr.exprKind.case !== 'comprehensionExpr') return;
  const loop = expr.exprKind.value;
  if (loop.loopCondition === undefined || loop.loopStep === undefined) return;
  const weight = 1 + weightOf(loop.loopCondition) + weightOf(loop.loopStep);
  loop.loopCondition = call(expr.id, spendFunction, [loop.loopCondition, integer(expr.id, weight)]);
  appendInPlace(loop.loopStep, loop.accuVar);
}

/** `@result + [x]` in the step of a map or filter: nobody else can see the list that grows. */
function appendInPlace(step: Expr, accumulator: string): void {
  if (step.exprKind.case !== 'callExpr') return;
  const { function: name, args } = step.exprKind.value;
  if (name === '_?_:_') {
    for (const branch of args.slice(1)) appendInPlace(branch, accumulator);
  }
  const [left, right] = args;
  const grows =
    name === '_+_' &&
    left?.exprKind.case === 'identExpr' &&
    left.exprKind.value.name === accumulator &&
    right?.exprKind.case === 'listExpr';
  if (grows) step.exprKind.value.function = appendFunction;
}

function call(id: bigint, name: string, args: Expr[]): Expr {
  return {
    $typeName: 'cel.expr.Expr',
    id,
    exprKind: { case: 'callExpr', value: { $typeName: 'cel.expr.Expr.Call', function: name, args } },
  };
}

function integer(id: bigint, value: number): Expr {
  return {
    $typeName: 'cel.expr.Expr',
    id,
    exprKind: {
      case: 'constExpr',
      value: { $typeName: 'cel.expr.Constant', constantKind: { case: 'int64Value', value: BigInt(value) } },
    },
  };
}

function present(parts: readonly (Expr | undefined)[]): Expr[] {
  return parts.filter((part) => part !== undefined);
}
