import { expect, test } from 'vitest';
import { compare } from './compare.ts';
import type { JournalRow, LedgerRow, Stores } from './stores.ts';

const entry = (seq: number, kind: string, path?: string): JournalRow => ({
  instanceId: 'r',
  seq,
  kind,
  path,
  visit: path === undefined ? undefined : 1,
  stepKind: kind === 'step_started' ? 'http' : undefined,
  effectKey: kind === 'step_started' ? `r/${path}#1/do` : undefined,
  hasUndo: kind === 'step_started',
});
const event = (id: string, type: string, seq: number) => ({ id, type, resourceId: 'r', seq });
const opened = (path: string) => ({ kind: 'opened', key: `r/${path}#1/do`, runId: 'r', title: path }) as const;
const undone = (path: string, undid = 'opened') => ({ kind: 'undone', key: `r/${path}#1/do`, undid }) as const;
const asked = [{ id: 'r', shape: 'straight', mayEnd: ['failed'] }];

const line: LedgerRow = { model: 'm', agentId: 'a', status: 'succeeded', tokens: 60, usdMicros: 60 };
const budget = {
  agentId: 'a',
  model: 'm',
  limitTokens: 100,
  limitUsdMicros: 100,
  spentTokens: 60,
  spentUsdMicros: 60,
  exceeded: false,
};
const twice = { ledger: [line, line], budgets: [{ ...budget, spentTokens: 120, spentUsdMicros: 120 }] };

/** A run of two effects that failed and took both back: everybody agrees. */
const agreed: Stores = {
  runs: [{ id: 'r', status: 'failed', compensation: 'complete', settled: true, errorReason: 'HTTP_STATUS' }],
  journal: [
    entry(1, 'instance_started'),
    entry(2, 'step_started', 'a'),
    entry(3, 'step_completed', 'a'),
    entry(4, 'step_started', 'b'),
    entry(5, 'step_failed', 'b'),
    entry(6, 'undo_completed', 'b'),
    entry(7, 'undo_completed', 'a'),
    entry(8, 'instance_failed'),
  ],
  target: [opened('a'), undone('b', 'nothing'), undone('a')],
  sent: [event('1', 'x.StepFinished', 1), event('2', 'x.StepFinished', 2)],
  waiting: 0,
  audited: [event('1', 'x.StepFinished', 1), event('2', 'x.StepFinished', 2)],
  treated: [],
  ledger: [line],
  budgets: [budget],
  bill: [{ model: 'm', tokens: 60, answered: true }],
  notifications: [{ key: 'k', times: 1 }],
};
const found = (change: Partial<Stores>) => compare(asked, { ...agreed, ...change }).map(({ invariant }) => invariant);

test('stores that agree have nothing to be found', () => {
  expect(compare(asked, agreed)).toEqual([]);
});

test.each<[string, Partial<Stores>, string]>([
  ['a run that is gone', { runs: [] }, 'lost'],
  [
    'a run that never ends',
    { runs: [{ id: 'r', status: 'running', compensation: 'none', settled: false, errorReason: null }] },
    'lost',
  ],
  [
    'undos that never end',
    { runs: [{ id: 'r', status: 'failed', compensation: 'stuck', settled: false, errorReason: null }] },
    'unfinishedUndos',
  ],
  ['an effect that was not taken back', { target: [opened('a'), undone('b', 'nothing')] }, 'unfinishedUndos'],
  ['an effect applied after its undo', { target: [...agreed.target, opened('b')] }, 'doubled'],
  ['an effect done twice', { target: [opened('a'), opened('a'), undone('b', 'nothing'), undone('a')] }, 'doubled'],
  ['undos in the order of the effects', { target: [opened('a'), undone('a'), undone('b', 'nothing')] }, 'inversions'],
  ['two outcomes of one visit', { journal: [...agreed.journal, entry(9, 'step_completed', 'a')] }, 'doubled'],
  ['two ends of a run', { journal: [...agreed.journal, entry(9, 'instance_cancelled')] }, 'doubled'],
  ['a step that no event tells of', { sent: [event('1', 'x.StepFinished', 1)] }, 'lost'],
  ['an event that was never published', { waiting: 1 }, 'lost'],
  ['an event that audit does not have', { audited: [event('1', 'x.StepFinished', 1)] }, 'lost'],
  ['an event twice in the audit log', { audited: [...agreed.audited, event('2', 'x.StepFinished', 2)] }, 'doubled'],
  ['events out of order', { audited: agreed.audited.toReversed() }, 'inversions'],
  [
    'a run that failed for another reason than it may',
    { runs: [{ id: 'r', status: 'timeout', compensation: 'complete', settled: true, errorReason: 'RUN_TIMED_OUT' }] },
    'lost',
  ],
  ['a call that the ledger does not know', { bill: [...agreed.bill, ...agreed.bill] }, 'lost'],
  ['an answer that the provider never gave', { bill: [{ model: 'm', tokens: 60, answered: false }] }, 'doubled'],
  ['a call that never came to an end', { ledger: [{ ...line, status: 'started' }] }, 'lost'],
  ['tokens that the ledger does not know', { bill: [{ model: 'm', tokens: 61, answered: true }] }, 'lost'],
  ['a ledger beyond the budget', twice, 'budgetOvershoot'],
  ['a bill beyond the budget', { bill: [{ model: 'm', tokens: 101, answered: true }] }, 'budgetOvershoot'],
  [
    'a call under way that may cost more than is left',
    { ledger: [line, { ...line, status: 'started' }] },
    'budgetOvershoot',
  ],
  ['a budget that counts less than the ledger', { budgets: [{ ...budget, spentTokens: 0 }] }, 'budgetOvershoot'],
  ['a message accepted twice', { notifications: [{ key: 'k', times: 2 }] }, 'doubled'],
])('%s is found', (_, change, invariant) => {
  expect(found(change)).toContain(invariant);
});

test('a completed run whose effect does not stand at the target is found', () => {
  const completed = {
    ...agreed,
    runs: [{ id: 'r', status: 'completed', compensation: 'none', settled: true, errorReason: null }],
  };
  expect(compare([{ id: 'r', shape: 's', mayEnd: ['completed'] }], completed)).toContainEqual({
    invariant: 'lost',
    what: 'r/a#1/do is journaled as done and does not stand at the target',
  });
});
