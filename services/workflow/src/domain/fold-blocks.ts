import * as im from 'immutable';
import type { BlockRule, JournalEntry, StepError, Visit } from './journal.ts';
import type { JsonValue } from './json.ts';
import { blockOf, frameIn, frameWithin, visitKey } from './path.ts';
import type { RunState } from './run-state.ts';

/** A step that holds others, under way. */
export interface BlockState extends Visit {
  readonly rule: BlockRule;
  readonly input: JsonValue;
  /** How many frames were started. */
  readonly started: number;
  /** Names of those that have not ended. */
  readonly running: im.OrderedSet<string>;
  /** Outputs, by name. */
  readonly completed: im.Map<string, JsonValue>;
  readonly failed: im.Map<string, StepError & { readonly path: string }>;
  /** How many effects were registered when the block was started. */
  readonly effectsBefore: number;
}

export type Verdict = 'open' | 'met' | 'failed';

/** What a block has come to. */
export function verdictOf({ rule, completed, failed }: BlockState): Verdict {
  if (failed.size > rule.tolerates) return 'failed';
  return completed.size >= rule.quorum || completed.size + failed.size === rule.total ? 'met' : 'open';
}

export function canStart({ rule, started, running }: BlockState): boolean {
  return started < rule.total && running.size < rule.concurrency;
}

export function nameOfFrame({ rule }: BlockState, index: number): string {
  return rule.names?.[index] ?? String(index);
}

/** A block that is started, and a frame that its first step makes. */
export function beginBlock(state: RunState, entry: JournalEntry & { readonly kind: 'step_started' }): RunState {
  const { path, stepId, visit, input, block: rule } = entry;
  const begun = beginFrame(state, entry);
  if (rule === undefined) return begun;
  return turned(
    {
      ...begun,
      blocks: begun.blocks.set(path, {
        path,
        stepId,
        visit,
        rule,
        input,
        started: 0,
        running: im.OrderedSet(),
        completed: im.Map(),
        failed: im.Map(),
        effectsBefore: begun.effects.size,
      }),
    },
    path,
  );
}

function beginFrame(state: RunState, { path }: Visit): RunState {
  const frame = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  const parent = blockOf(frame);
  const block = parent === undefined ? undefined : state.blocks.get(parent.path);
  if (parent === undefined || block === undefined || block.running.has(parent.name)) return state;
  const started = { ...block, started: block.started + 1, running: block.running.add(parent.name) };
  return turned({ ...state, blocks: state.blocks.set(parent.path, started) }, parent.path);
}

export function endFrame(
  state: RunState,
  entry: JournalEntry & { readonly kind: 'frame_completed' | 'frame_failed' },
): RunState {
  const parent = blockOf(entry.frame);
  const block = parent === undefined ? undefined : state.blocks.get(parent.path);
  if (parent === undefined || block === undefined) return state;
  const { path, name } = parent;
  const running = block.running.remove(name);
  const ended: BlockState =
    entry.kind === 'frame_completed'
      ? { ...block, running, completed: block.completed.set(name, entry.output) }
      : { ...block, running, failed: block.failed.set(name, entry) };
  return turned({ ...withoutFrame(state, entry.frame), blocks: state.blocks.set(path, ended) }, path);
}

/** Forgets a block and what is left of its frames. The blocks inside have been closed before it. */
export function withoutBlock(state: RunState, path: string): RunState {
  const block = state.blocks.get(path);
  if (block === undefined) return state;
  const halted = haltBlock(state, path);
  return { ...halted, blocks: halted.blocks.remove(path), rollbacks: halted.rollbacks.remove(visitKey(block)) };
}

/** Nothing goes on in a block any more. Roll-backs inside are left to whoever undoes what the block did. */
export function haltBlock(state: RunState, path: string): RunState {
  const block = state.blocks.get(path);
  if (block === undefined) return state;
  const without = block.running.reduce((rest, name) => withoutFrame(rest, frameIn(path, name)), state);
  const halted = { ...block, running: block.running.clear() };
  return {
    ...without,
    blocks: without.blocks.set(path, halted),
    turning: without.turning.remove(path),
    rollbacks: without.rollbacks.filter((_left, key) => frameWithin(path, key) === undefined),
  };
}

function withoutFrame(state: RunState, frame: string): RunState {
  return { ...state, frames: state.frames.remove(frame), ready: state.ready.remove(frame) };
}

/** Puts a block among those that the interpreter looks at, exactly where there is something to do. */
function turned(state: RunState, path: string): RunState {
  const block = state.blocks.get(path);
  const turns = block !== undefined && (verdictOf(block) !== 'open' || canStart(block));
  return { ...state, turning: turns ? state.turning.add(path) : state.turning.remove(path) };
}
