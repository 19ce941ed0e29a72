import { expect, test } from 'vitest';
import { compareDefinitions } from './compare-definitions.ts';

const step = (id: string, more: Record<string, string> = {}) => ({ id, kind: 'http', ...more });

test('steps are known by their ids, wherever they stand', () => {
  const before = { steps: [step('a', { url: 'x' }), step('b'), step('c')], timeoutMs: 5 };
  const after = { steps: [step('c'), step('a', { url: 'y', next: 'd' }), step('d')], output: { v: 1 } };
  expect(compareDefinitions(before, after)).toEqual({
    addedSteps: ['d'],
    removedSteps: ['b'],
    changedSteps: ['a'],
    changes: [
      { kind: 'changed', pointer: '/steps/1/url', stepId: 'a', before: 'x', after: 'y' },
      { kind: 'added', pointer: '/steps/1/next', stepId: 'a', before: undefined, after: 'd' },
      { kind: 'removed', pointer: '/steps/1', stepId: 'b', before: step('b'), after: undefined },
      { kind: 'added', pointer: '/steps/2', stepId: 'd', before: undefined, after: step('d') },
      { kind: 'removed', pointer: '/timeoutMs', stepId: undefined, before: 5, after: undefined },
      { kind: 'added', pointer: '/output', stepId: undefined, before: undefined, after: { v: 1 } },
    ],
  });
});

test('a definition is the same as itself, and steps inside of steps are seen', () => {
  const nested = { steps: [{ id: 'p', kind: 'parallel', branches: [{ id: 'x', steps: [step('a')] }] }] };
  expect(compareDefinitions(nested, structuredClone(nested)).changes).toEqual([]);
  const changed = { steps: [{ id: 'p', kind: 'parallel', branches: [{ id: 'x', steps: [step('a', { url: 'z' })] }] }] };
  expect(compareDefinitions(nested, changed)).toMatchObject({
    changedSteps: ['a'],
    changes: [{ kind: 'added', pointer: '/steps/0/branches/0/steps/0/url', stepId: 'a' }],
  });
});
