import { parse } from '@bufbuild/cel';
import { AppError } from '@flotilla/errors';
import {
  type CompileOptions,
  compileExpression,
  compileTree,
  type Expression,
  refusalFor,
} from './compile-expression.ts';
import { conjunctsOf, type Expr, equalSides, fieldPath } from './expression-tree.ts';

/** A conjunct that says which text a field is. */
export interface Equality {
  /** `event.order.id` is `['event', 'order', 'id']`. */
  readonly path: readonly string[];
  /** The text. Speaks of other variables only, and fails where it comes to something else. */
  readonly text: Expression<string>;
}

/**
 * Of a condition, the conjuncts that say which text a field of this variable is. Where the field holds another text, the condition
 * is false, whatever the rest of it comes to.
 *
 * @throws AppError as {@link compileExpression} does
 * @example
 * equalitiesOf('event.id == input.id && event.n > 1', 'event', { variables: { event: 'dyn', input: 'dyn' } }); // event.id
 */
export function equalitiesOf(text: string, variable: string, options: CompileOptions): readonly Equality[] {
  compileExpression(text, { ...options, result: 'bool' });
  const { [variable]: _, ...variables } = options.variables;
  const parsed = parse(text);

  function equality(field: Expr, other: Expr): Equality | undefined {
    const path = fieldPath(field);
    const isPresence = field.exprKind.case === 'selectExpr' && field.exprKind.value.testOnly;
    if (path === undefined || path.length < 2 || path[0] !== variable || isPresence) return undefined;
    try {
      const wanted = { ...options, variables, result: 'string' } as const;
      return { path, text: compileTree(text, { ...parsed, expr: other }, wanted, refusalFor(options)) };
    } catch (error) {
      // It speaks of the variable, too, or of something that is no text.
      if (error instanceof AppError) return undefined;
      throw error;
    }
  }

  return conjunctsOf(parsed.expr).flatMap((conjunct) => {
    const [left, right] = equalSides(conjunct) ?? [];
    if (left === undefined || right === undefined) return [];
    return equality(left, right) ?? equality(right, left) ?? [];
  });
}
