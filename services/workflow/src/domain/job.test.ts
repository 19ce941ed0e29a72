import { expect, test } from 'vitest';
import { fractionOf, jobStatusOf } from './job.ts';

test.each([
  ['pending', false, 'pending'],
  ['running', false, 'running'],
  ['paused', false, 'paused'],
  ['completed', true, 'completed'],
  ['failed', false, 'undoing'],
  ['failed', true, 'failed'],
  ['timeout', false, 'undoing'],
  ['timeout', true, 'failed'],
  ['cancelled', false, 'undoing'],
  ['cancelled', true, 'cancelled'],
] as const)('a run that is %s (ended: %s) is a job that is %s', (status, ended, job) => {
  expect(jobStatusOf({ status, completedAt: ended ? new Date() : undefined })).toBe(job);
});

test('progress goes from 0 to 1, which a completed job has whatever it left out', () => {
  const at = (status: 'running' | 'completed', stepsDone: number, stepsTotal: number) =>
    fractionOf({ status, stepsDone, stepsTotal, completedAt: undefined });
  expect([at('running', 0, 4), at('running', 1, 4), at('running', 4, 4), at('running', 0, 0)]).toEqual([0, 0.25, 1, 0]);
  expect(at('completed', 3, 6)).toBe(1);
});
