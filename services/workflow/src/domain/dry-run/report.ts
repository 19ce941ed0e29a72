import { stepOf } from '../definition.ts';
import type { Effect } from '../fold-effects.ts';
import type { Recorded } from '../journal.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { frameOf, frameWithin, visitKey } from '../path.ts';
import { statusOf } from '../run-state.ts';
import { END, FAIL } from '../step-kind.ts';
import type { Basis, DryRun } from './dry-run.ts';
import type { Sight } from './imagine.ts';
import { shown, unknownShown, withoutRest } from './knowledge.ts';

/** What a dry run came to, for people. */
export interface DryRunReport {
  readonly outcome: 'completed' | 'failed' | 'undecided' | 'truncated';
  readonly steps: readonly StepReport[];
  readonly undecidedSteps: readonly string[];
  readonly stepsNotReached: readonly string[];
  readonly output: JsonValue | undefined;
  readonly error: { readonly reason: string; readonly message: string; readonly path: string } | undefined;
  readonly undos: readonly UndoReport[];
  readonly problems: readonly { readonly pointer: string; readonly reason: string; readonly message: string }[];
}

export interface UndoReport {
  readonly path: string;
  readonly stepId: string;
  readonly visit: number;
  readonly input: JsonValue;
  /** Of a block that needs some of its branches only, and maybe not this one: its path. Empty: it is undone for sure. */
  readonly block: string;
}

export interface StepReport {
  readonly path: string;
  readonly stepId: string;
  readonly stepKind: string;
  readonly visit: number;
  status: 'completed' | 'failed' | 'undecided';
  readonly basis: Basis;
  readonly input: JsonValue;
  readonly unknownInput: readonly string[];
  output?: JsonValue;
  unknownOutput: readonly string[];
  readonly undo?: JsonValue;
  context?: JsonObject;
  readonly expressions: Sight['expressions'];
  next: string;
  readonly alternatives: readonly string[];
  errorReason: string;
  errorMessage: string;
}

/** Reads the journal of a dry run. */
export function reportOf(run: DryRun): DryRunReport {
  const { definition, state, journal } = run;
  const steps: StepReport[] = [];
  const byVisit = new Map<string, StepReport>();
  /** The step that each frame stands at. */
  const at = new Map<string, StepReport>();
  const undos: UndoReport[] = [];
  const problems: DryRunReport['problems'][number][] = [];
  for (const entry of journal) {
    switch (entry.kind) {
      case 'step_started': {
        const step = started(run, entry, steps.length);
        const before = at.get(frameOf(entry.path));
        if (before !== undefined) before.next = entry.stepId;
        steps.push(step);
        byVisit.set(visitKey(entry), step);
        at.set(frameOf(entry.path), step);
        break;
      }
      case 'step_completed':
      case 'step_failed': {
        const step = byVisit.get(visitKey(entry));
        if (step === undefined) break;
        if (entry.kind === 'step_failed') {
          Object.assign(step, { status: 'failed', errorReason: entry.reason, errorMessage: entry.message });
          const pointer = run.sights[steps.indexOf(step)]?.failedAt ?? stepOf(definition, entry.stepId).pointer;
          const { reason, message } = entry;
          if (entry.attempts === 0) problems.push({ pointer, reason, message });
          break;
        }
        const output = entry.facts['output'] ?? null;
        Object.assign(step, { status: 'completed', output: shown(output), unknownOutput: unknownShown(output) });
        break;
      }
      case 'context_written': {
        const step = byVisit.get(visitKey(entry));
        if (step !== undefined) step.context = shown(entry.values) as JsonObject;
        break;
      }
      case 'frame_completed':
      case 'frame_failed':
        leave(at.get(entry.frame), entry.kind === 'frame_completed' ? END : FAIL);
        break;
      case 'instance_completed':
        leave(at.get(''), END);
        break;
      case 'instance_failing':
        leave(at.get(''), FAIL);
        if (run.last.failedAt !== undefined) problems.push({ ...entry, pointer: run.last.failedAt });
        break;
      case 'undo_started': {
        const effect = state.effects.get(state.effectAt.get(visitKey(entry), -1));
        if (effect !== undefined) undos.push(undoOf(effect, ''));
        break;
      }
      default:
        break;
    }
  }
  const open = steps.filter(({ status }) => status === 'undecided');
  const undecided = run.truncated ? new Set<string>() : followersOf(run, open);
  const left = [...definition.steps.keys()].filter((id) => !steps.some(({ stepId }) => stepId === id));
  const { failing, output } = state;
  return {
    outcome: outcomeOf(run),
    steps,
    undecidedSteps: left.filter((id) => undecided.has(id)),
    stepsNotReached: left.filter((id) => !undecided.has(id)),
    output: output && shown(output),
    error: failing && { reason: failing.reason, message: failing.message, path: failing.path ?? '' },
    undos: [...undos, ...undosOfBranches(run, undos)],
    problems: problems.map(({ pointer, reason, message }) => ({ pointer, reason, message })),
  };
}

function started(run: DryRun, entry: Recorded & { readonly kind: 'step_started' }, index: number): StepReport {
  const { path, stepId, stepKind, visit, input, undo } = entry;
  const key = visitKey(entry);
  return {
    ...{ path, stepId, stepKind, visit, input: shown(input), unknownInput: unknownShown(input) },
    status: 'undecided',
    basis: run.bases.get(key) ?? 'evaluated',
    unknownOutput: [],
    ...(undo === undefined ? {} : { undo: shown(withoutRest(undo.request)) }),
    expressions: run.sights[index]?.expressions ?? [],
    next: '',
    alternatives: run.alternatives.get(key) ?? [],
    errorReason: '',
    errorMessage: '',
  };
}

function undoOf({ path, stepId, visit, undo }: Effect, block: string): UndoReport {
  return { path, stepId, visit, input: shown(undo.request), block };
}

/** Of blocks that need some of their branches only: which ones come too late nobody knows, and what those did is undone. */
function undosOfBranches({ journal, state }: DryRun, certain: readonly UndoReport[]): UndoReport[] {
  const blocks = journal.flatMap((entry) =>
    entry.kind === 'step_started' && entry.block !== undefined && entry.block.quorum > entry.block.total
      ? [entry.path]
      : [],
  );
  const undone = new Set(certain.map(visitKey));
  return [...state.effects.reverse()].flatMap((effect) => {
    const block = blocks.find((path) => frameWithin(path, effect.path) !== undefined);
    return block === undefined || undone.has(visitKey(effect)) ? [] : [undoOf(effect, block)];
  });
}

/** Where nothing else follows a step, this does. */
function leave(step: StepReport | undefined, target: string): void {
  if (step !== undefined && step.next === '') step.next = target;
}

function outcomeOf({ truncated, state }: DryRun): DryRunReport['outcome'] {
  if (truncated) return 'truncated';
  if (!state.settled) return 'undecided';
  return statusOf(state) === 'completed' ? 'completed' : 'failed';
}

/** The steps that can come after some, in the whole definition. */
function followersOf({ definition }: DryRun, from: readonly StepReport[]): Set<string> {
  const found = new Set<string>();
  const left = from.flatMap(({ stepId, alternatives }) =>
    alternatives.length > 0 ? alternatives : stepOf(definition, stepId).leadsTo,
  );
  for (let id = left.pop(); id !== undefined; id = left.pop()) {
    const step = definition.steps.get(id);
    if (step === undefined || found.has(id)) continue;
    found.add(id);
    left.push(...step.leadsTo);
  }
  return found;
}
