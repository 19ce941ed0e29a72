import { type Definition, stepOf } from '../definition.ts';
import { outcomeEntry } from '../enter.ts';
import { interpret } from '../interpret.ts';
import type { JournalEntry, Outcome, Recorded } from '../journal.ts';
import { type JsonObject, sizeOf } from '../json.ts';
import { frameOf, visitKey } from '../path.ts';
import { applyEntry, emptyState, type OpenStep, type RunState } from '../run-state.ts';
import type { RunFacts } from '../scope.ts';
import type { Conclusion, Step } from '../step-kind.ts';
import { unknown } from '../unknown.ts';
import { type Imagined, imagine, type Sight } from './imagine.ts';
import { factsKnown } from './knowledge.ts';

/** What a step is taken to come to. */
export interface Assumption {
  /** A step's id, or the path of one place where it stands. */
  readonly step: string;
  /** 0: every visit. */
  readonly visit: number;
  readonly outcome: Outcome;
}

export interface DryRunWish {
  readonly input: JsonObject;
  readonly run: Omit<RunFacts, 'id' | 'startedAt'>;
  readonly assumptions: readonly Assumption[];
  readonly now: Date;
}

/** What a step's outcome rests on. */
export type Basis = 'evaluated' | 'assumed' | 'unknown';

/** How far a definition can be gone through with what is known before a run. */
export interface DryRun {
  readonly definition: Definition;
  readonly journal: readonly Recorded[];
  readonly state: RunState;
  readonly truncated: boolean;
  readonly sights: Imagined['sights'];
  readonly last: Sight;
  /** By visit. */
  readonly bases: ReadonlyMap<string, Basis>;
  /** Where undecided steps may lead, by visit. */
  readonly alternatives: ReadonlyMap<string, readonly string[]>;
}

const MAX_VISITS = 1000;
const MAX_BYTES = 1024 * 1024;

/** Goes through a definition with the interpreter of runs, nobody being asked. Pure. */
export function dryRun(real: Definition, wish: DryRunWish): DryRun {
  const { definition, sights, last } = imagine(real);
  const run = { ...wish.run, id: unknown('${run.id}') as unknown as string };
  const journal: Recorded[] = [];
  const bases = new Map<string, Basis>();
  const alternatives = new Map<string, readonly string[]>();
  const sightOf = new Map<string, Sight>();
  let { now } = wish;
  let state = emptyState;
  let bytes = 0;
  const append = (entry: JournalEntry): void => {
    const recorded: Recorded = { ...entry, occurredAt: now.toISOString() };
    note(recorded);
    state = applyEntry(state, recorded);
  };
  const note = (entry: Recorded): void => {
    journal.push(entry);
    bytes += sizeOf(entry as unknown as JsonObject);
    const sight = entry.kind === 'step_started' ? sights[sightOf.size] : undefined;
    if (entry.kind === 'step_started' && sight !== undefined) sightOf.set(visitKey(entry), sight);
  };
  const ended = (truncated: boolean): DryRun => ({
    ...{ definition: real, journal, state, truncated, sights, last, bases, alternatives },
  });

  append({ kind: 'instance_started', input: wish.input });
  for (;;) {
    const answer = interpret(definition, run, state, now);
    for (const entry of answer.entries) note(entry);
    state = answer.state;
    if (sightOf.size > MAX_VISITS || bytes > MAX_BYTES) return ended(true);
    if (answer.actions.some(({ type }) => type === 'done')) return ended(false);
    const outcomes = answer.actions.flatMap((action): JournalEntry[] => {
      if (action.type !== 'undo') return [];
      const { path, stepId, visit } = action;
      return [{ kind: 'undo_completed', path, stepId, visit, attempts: 1 }];
    });
    for (const open of state.open.values()) {
      const key = visitKey(open);
      const come = comeTo(stepOf(definition, open.stepId), open, sightOf.get(key), state, wish.assumptions);
      if (come === undefined) continue;
      if ('alternatives' in come) {
        alternatives.set(key, come.alternatives);
        continue;
      }
      bases.set(key, come.basis);
      outcomes.push(outcomeEntry(open, come.outcome, 1));
    }
    for (const outcome of outcomes) append(outcome);
    if (outcomes.length > 0 || answer.more) continue;
    const wakes = [...state.open.values()].flatMap(({ suspended }) => suspended?.wakeAt ?? []);
    const next = wakes.sort((one, other) => Date.parse(one) - Date.parse(other))[0];
    if (next === undefined) return ended(false);
    now = new Date(next);
  }
}

type Come = { readonly basis: Basis; readonly outcome: Outcome } | { readonly alternatives: readonly string[] };

/** Undefined: nothing but time brings the outcome. */
function comeTo(
  step: Step,
  open: OpenStep,
  sight: Sight | undefined,
  state: RunState,
  assumptions: readonly Assumption[],
): Come | undefined {
  const assumed = assumptions.findLast(
    ({ step: place, visit }) => (place === open.path || place === open.stepId) && (visit === 0 || visit === open.visit),
  )?.outcome;
  if (assumed !== undefined && 'failed' in assumed) return { basis: 'assumed', outcome: assumed };
  const facts = factsKnown(step.id, step.leaves, assumed?.facts);
  if (assumed !== undefined) return { basis: 'assumed', outcome: { facts } };
  if (sight?.decided !== undefined) return { basis: 'evaluated', outcome: { facts: sight.decided } };
  if (sight?.timed === true) return undefined;
  const targets = waysOf(step, open, sight, state);
  if (targets.length > 1) return { alternatives: targets };
  return { basis: 'unknown', outcome: { facts } };
}

function waysOf(step: Step, open: OpenStep, sight: Sight | undefined, state: RunState): readonly string[] {
  const { conclude, ways } = step;
  if (conclude === undefined || ways === undefined) return [];
  const visits = state.frames.get(frameOf(open.path))?.visits;
  const conclusions = ways(sight?.undecidedAt).map((facts) => conclude(facts, (other) => visits?.get(other, 0) ?? 0));
  return [...new Set(conclusions.map(targetOf))];
}

function targetOf(conclusion: Conclusion): string {
  if ('fail' in conclusion) return '$fail';
  return 'reask' in conclusion ? conclusion.reask : conclusion.next;
}
