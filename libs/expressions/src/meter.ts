/** Thrown through CEL's evaluator, which would otherwise absorb it as one more false operand of `||`. */
export class BudgetSpent extends Error {
  override readonly name = 'BudgetSpent';
}

/** The longest text an expression may make, in UTF-16 units. */
export const maxTextLength = 2_000_000;

/** Counts the work of one evaluation. One unit is about one visited node of the expression, well under a microsecond. */
export interface Meter {
  /** Throws {@link BudgetSpent} once more than the budget is spent, and ever after. */
  spend(units: number): void;
}

export function createMeter(budget: number): Meter & { isSpent(): boolean } {
  let left = budget;
  return {
    spend(units) {
      left -= units;
      if (left < 0) throw new BudgetSpent();
    },
    isSpent: () => left < 0,
  };
}
