import type { Invariant } from '../sagas/compare.ts';

/** A fault of the product itself, put into a copy of its sources: the drill must find it. */
export interface Mutant {
  readonly name: string;
  /** What is then broken. */
  readonly about: string;
  /** The invariants of which at least one is found broken. */
  readonly breaks: readonly Invariant[];
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly original: string;
  readonly mutation: string;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'outbox-skipped',
    about: 'a step ends and commits without its event',
    breaks: ['lost'],
    file: 'libs/events/src/append-event.ts',
    original: '  const payload = toBinary(',
    mutation: "  if (schema.typeName.endsWith('.StepFinished')) return;\n  const payload = toBinary(",
  },
  {
    name: 'key-dropped',
    about: 'an effect is asked for without its key',
    breaks: ['doubled', 'unfinishedUndos'],
    file: 'services/workflow/src/steps/http/perform.ts',
    original: "        'idempotency-key': attempt.effectKey,\n",
    mutation: '',
  },
];
