/** A fault put into the sources on purpose, and the test that must notice it. */
export interface Mutant {
  /** What is broken. */
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly original: string;
  readonly mutation: string;
  readonly project: 'unit' | 'integration' | 'faults';
  readonly testFile: string;
  readonly testName: string;
  /** How that test says what is wrong: a mutant that does not start, or runs into a time-out, proves nothing. */
  readonly failure: RegExp;
}

const postgres = 'libs/postgres';
const workflow = 'services/workflow';
const late = {
  project: 'faults',
  testFile: `${workflow}/test/faults/late.test.ts`,
  testName: 'an effect that is applied long after its caller gave up finds the tombstone of its undo',
} as const;

export const mutants: readonly Mutant[] = [
  {
    name: 'row-level security is not forced on the owner',
    file: `${postgres}/src/platform/protection.ts`,
    original: "  execute format('alter table %s force row level security', target);\n",
    mutation: '',
    project: 'integration',
    testFile: `${postgres}/test/roles.test.ts`,
    testName: 'a provisioned and migrated database has no table without forced, restrictive protection',
    failure: /^AssertionError/,
  },
  {
    name: 'a command commits without its event',
    file: 'libs/events/src/append-event.ts',
    original: '  if (first === undefined) return;\n  const { aggregate } = contractOf(first);\n',
    mutation: '  if (first !== null) return;\n  const { aggregate } = contractOf(first);\n',
    project: 'integration',
    testFile: 'libs/events/test/pipeline.test.ts',
    testName: 'an event arrives once, in order, with who, why and its trace; secrets stay behind',
    failure: /^AssertionError/,
  },
  {
    name: 'a call does not claim its idempotency key',
    file: `${postgres}/src/transactions.ts`,
    original: '(await session.run(claimStatement(scope, idempotency))).rowCount !== 1',
    mutation: '(await session.run(claimStatement(scope, idempotency))).rowCount === -1',
    project: 'integration',
    testFile: `${postgres}/test/transactions.test.ts`,
    testName: 'twenty concurrent calls with one key have one effect and one reply',
    failure: /The slug is taken/,
  },
  {
    name: 'an effect is asked for without its key',
    file: `${workflow}/src/steps/http/perform.ts`,
    original: "        'idempotency-key': attempt.effectKey,\n",
    mutation: '',
    ...late,
    failure: /The condition did not come true/,
  },
  {
    name: 'an undo counts only once its effect is known to have happened',
    file: `${workflow}/src/domain/compensate.ts`,
    original: "if (effect?.state === 'registered') return effect;",
    mutation: "if (effect?.state === 'registered' && state.done.has(effect.stepId)) return effect;",
    ...late,
    failure: /^AssertionError/,
  },
  {
    name: 'effects are undone in the order in which they happened',
    file: `${workflow}/src/domain/compensate.ts`,
    original: 'for (let at = state.undoneFrom - 1; at >= keeps; at -= 1) {',
    mutation: 'for (let at = keeps; at < state.effects.size; at += 1) {',
    project: 'unit',
    testFile: `${workflow}/src/domain/interpret.test.ts`,
    testName: 'a refused effect is undone too, for nobody knows what its attempts did; order is reversed',
    failure: /^AssertionError/,
  },
];
