import type { Action, StepAction, UndoAction } from '../src/domain/action.ts';
import type { Definition } from '../src/domain/definition.ts';
import { interpret } from '../src/domain/interpret.ts';
import type { JournalEntry, Recorded } from '../src/domain/journal.ts';
import type { JsonObject } from '../src/domain/json.ts';
import { createDefinitionReader } from '../src/domain/read-definition.ts';
import { applyEntry, foldJournal, type RunState } from '../src/domain/run-state.ts';
import { stepKinds } from '../src/steps/catalogue.ts';

const read = createDefinitionReader(stepKinds);

export function definitionOf(json: JsonObject): Definition {
  const { problems, definition } = read(json);
  if (definition === undefined || problems.length > 0) throw new Error(JSON.stringify(problems));
  return definition;
}

const run = {
  id: 'run-1',
  workflowId: 'workflow-1',
  workflowSlug: 'release-watch',
  workflowVersion: 1,
  startedBy: 'user-1',
};

/** What the outside answers to a step or an undo: facts, or the reason of a failure. */
export type World = (action: StepAction | UndoAction) => JsonObject | string;

export interface Simulation {
  readonly journal: readonly Recorded[];
  readonly state: RunState;
  /** `step open#1`, `undo open#1` … in the order in which they were performed. */
  readonly performed: readonly string[];
}

/**
 * Drives a run in memory; `pick` chooses which of the actions under way ends first. Now and then the journal is written to text
 * and folded anew, as a driver does that crashed.
 */
export function simulate(
  definition: Definition,
  input: JsonObject,
  world: World,
  options: {
    moves?: number;
    at?: () => Date;
    pick?: (many: number) => number;
    journal?: readonly Recorded[];
  } = {},
): Simulation {
  const now = options.at ?? (() => new Date('2026-11-23T00:00:00Z'));
  let journal = [...(options.journal ?? [])];
  let state = foldJournal(journal);
  const performed: string[] = [];
  const append = (entry: JournalEntry): void => {
    const recorded = { ...entry, occurredAt: now().toISOString() };
    journal.push(recorded);
    state = applyEntry(state, recorded);
  };
  if (journal.length === 0) append({ kind: 'instance_started', input });
  for (let move = 0; move < (options.moves ?? 1000); move += 1) {
    if (move % 5 === 0) {
      journal = JSON.parse(JSON.stringify(journal)) as Recorded[];
      state = foldJournal(journal);
    }
    const answer = interpret(definition, run, state, now());
    journal.push(...answer.entries);
    state = answer.state;
    const { actions } = answer;
    const chosen = options.pick === undefined ? actions : chooseOne(actions, options.pick);
    for (const action of chosen) {
      if (action.type === 'done') return { journal, state, performed };
      if (action.type === 'wait') continue;
      const { path, stepId, visit } = action;
      performed.push(`${action.type} ${path}#${visit}`);
      const said = world(action);
      const at = { path, stepId, visit, attempts: 1 };
      const failed = typeof said === 'string' ? { reason: said, message: said } : undefined;
      if (action.type === 'undo')
        append(failed ? { kind: 'undo_failed', ...at, ...failed } : { kind: 'undo_completed', ...at });
      else
        append(
          failed
            ? { kind: 'step_failed', ...at, ...failed }
            : { kind: 'step_completed', ...at, facts: said as JsonObject },
        );
    }
  }
  return { journal, state, performed };
}

function chooseOne(actions: readonly Action[], pick: (many: number) => number): readonly Action[] {
  const work = actions.filter(({ type }) => type !== 'wait');
  const chosen = work[pick(work.length)];
  return chosen === undefined ? [] : [chosen];
}
