import { expect, test } from 'vitest';
import { decideOverlap, type OverlapPolicy } from './schedule.ts';

const decide = (overlapPolicy: OverlapPolicy, running: readonly string[], ahead: number) =>
  decideOverlap({ overlapPolicy, maxConcurrentExecutions: 2 }, { running, ahead });

test.each([
  ['skip', ['a'], 0, { type: 'start' }],
  ['skip', ['a', 'b'], 0, { type: 'skip', reason: 'OVERLAP_SKIPPED' }],
  ['buffer_one', ['a', 'b'], 0, { type: 'wait' }],
  ['buffer_one', ['a', 'b'], 1, { type: 'skip', reason: 'OVERLAP_BUFFER_FULL' }],
  ['buffer_all', ['a', 'b'], 7, { type: 'wait' }],
  ['buffer_all', ['a'], 1, { type: 'wait' }],
  ['buffer_all', ['a'], 0, { type: 'start' }],
  ['buffer_all', ['a', 'b'], 1_000, { type: 'skip', reason: 'OVERLAP_BUFFER_FULL' }],
  ['cancel_other', ['a', 'b'], 0, { type: 'start', cancel: 'a' }],
  ['cancel_other', ['a'], 0, { type: 'start' }],
  ['allow_all', ['a', 'b', 'c'], 3, { type: 'start' }],
] as const)('%s with %j under way and %i waiting', (policy, running, ahead, decision) => {
  expect(decide(policy, running, ahead)).toEqual(decision);
});
