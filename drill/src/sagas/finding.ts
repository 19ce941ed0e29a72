/** What may not be after any fault. */
export const invariants = [
  'lost',
  'doubled',
  'unfinishedUndos',
  'inversions',
  'budgetOvershoot',
  'faultyAnswers',
] as const;
export type Invariant = (typeof invariants)[number];

/** A place where two stores contradict each other, or an answer that no fault of the fleet excuses. */
export interface Finding {
  readonly invariant: Invariant;
  readonly what: string;
}

export const found = (invariant: Invariant, what: string): Finding => ({ invariant, what });
