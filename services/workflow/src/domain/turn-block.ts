import { stepOf } from './definition.ts';
import { abandonUnder, bounded, enter, expressionError, type Move, type Run } from './enter.ts';
import { type BlockState, nameOfFrame, verdictOf } from './fold-blocks.ts';
import { rollbackOf } from './fold-effects.ts';
import type { JournalEntry, StepError } from './journal.ts';
import { frameIn, frameWithin } from './path.ts';
import type { Block } from './step-kind.ts';

const decided: StepError = {
  reason: 'NOT_NEEDED',
  message: 'The block that the step belongs to was decided without it.',
};

/** Starts the next frame of a block, or ends the block where it is decided. */
export function turn(run: Run, path: string): Move {
  const block = run.state.blocks.get(path);
  const plan = block && stepOf(run.definition, block.stepId).block;
  if (block === undefined || plan === undefined) throw new Error(`There is no block ${path}.`);
  const verdict = verdictOf(block);
  if (verdict === 'failed') return fail(run, block);
  if (verdict === 'met') return complete(run, block, plan);
  const name = nameOfFrame(block, block.started);
  return enter(run, frameIn(path, name), plan.sequenceOf(name).start);
}

/** The block fails as its first frame did that it could not do without; what is under way in it is given up. */
function fail({ state }: Run, block: BlockState): Move {
  const [name, error] = block.failed.entrySeq().last() ?? ['', { ...decided, path: block.path }];
  const { path, stepId, visit } = block;
  const message = `${frameIn(path, name)}: ${error.message}`;
  const failed: JournalEntry = {
    kind: 'step_failed',
    path,
    stepId,
    visit,
    reason: error.reason,
    message,
    cause: error.path,
    attempts: 1,
  };
  return { entries: [...abandoned(state, block), failed] };
}

/** What the block did not need is given up and undone; then it is complete. */
function complete({ state }: Run, block: BlockState, plan: Block): Move {
  const { path, stepId, visit, effectsBefore: from, running, failed, completed, input } = block;
  const at = { path, stepId, visit };
  const losers = [...running, ...failed.keys()];
  const rollback = { kind: 'rollback_started', ...at, from, of: losers } as const;
  if (losers.length > 0 && !rollbackOf(state, rollback).isEmpty())
    return { entries: [...abandoned(state, block), rollback] };
  try {
    const facts = bounded(plan.gather({ input, completed, failed }));
    return { entries: [...abandoned(state, block), { kind: 'step_completed', ...at, facts, attempts: 1 }] };
  } catch (error) {
    return {
      entries: [...abandoned(state, block), { kind: 'step_failed', ...at, ...expressionError(error), attempts: 1 }],
    };
  }
}

function abandoned(state: Run['state'], block: BlockState): JournalEntry[] {
  return block.running.isEmpty()
    ? []
    : abandonUnder(state, (path) => frameWithin(block.path, path) !== undefined, decided);
}
