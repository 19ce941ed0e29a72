import type { Invariant } from '../sagas/finding.ts';

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
    file: 'services/workflow/src/commands/run.ts',
    original: '  const events = entries.flatMap((entry) => eventOf(after, entry) ?? []);\n',
    mutation:
      "  const events = entries.flatMap((entry) => eventOf(after, entry) ?? []).filter(({ schema }) => !schema.typeName.endsWith('.StepFinished'));\n",
  },
  {
    name: 'undo-late',
    about: 'an effect is taken back only where it is known to have happened',
    breaks: ['unfinishedUndos'],
    file: 'services/workflow/src/domain/compensate.ts',
    original: "    if (effect?.state === 'registered') return effect;\n",
    mutation: "    if (effect?.state === 'registered' && !effect.inDoubt) return effect;\n",
  },
  {
    name: 'lease-unfenced',
    about: 'an attempt that was given up and wakes late may still write its outcome',
    breaks: ['doubled'],
    file: 'services/workflow/src/commands/perform-step.ts',
    original: "  if (task?.claim !== work.claim || task.status !== 'running') throw staleDriver();\n",
    mutation: '',
  },
  {
    name: 'ride-unfenced',
    about: 'a ride that wakes up after others have taken its step over may still write its outcome',
    breaks: ['doubled'],
    file: 'services/workflow/src/rides/ride-moves.ts',
    original: `          (outcome, index) =>
            tasks[index]?.claim === 0 && tasks[index].status === 'running' && run.state.open.has(visitKey(outcome)),
`,
    mutation: '          (_, index) => tasks[index] !== undefined,\n',
  },
  {
    name: 'key-dropped',
    about: 'an effect is asked for without its key',
    breaks: ['doubled', 'unfinishedUndos'],
    file: 'services/workflow/src/steps/http/perform.ts',
    original: "        'idempotency-key': attempt.effectKey,\n",
    mutation: '',
  },
  {
    name: 'undo-forward',
    about: 'effects are taken back in the order in which they happened',
    breaks: ['inversions'],
    file: 'services/workflow/src/domain/compensate.ts',
    original: '  for (let at = state.undoneFrom - 1; at >= keeps; at -= 1) {\n',
    mutation: '  for (let at = keeps; at < state.effects.size; at += 1) {\n',
  },
  {
    name: 'reserve-nothing',
    about: 'a call reserves nothing in the budgets that bound it',
    breaks: ['budgetOvershoot'],
    file: 'services/llm-agent/src/db/attempt-repository.ts',
    original: '      ${reservation.promptTokens}, ${reservation.completionTokens})`;\n',
    mutation: '      ${0 * reservation.promptTokens}, ${0 * reservation.completionTokens})`;\n',
  },
];
