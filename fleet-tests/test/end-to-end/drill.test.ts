import { expect, inject, test } from 'vitest';
import { flotilla } from './flotilla.ts';

test('a short drill of sagas leaves stores that agree: nothing lost, doubled, left over, out of order or overspent', async () => {
  // Four kills: one round of half-open connections, and no pause. The mutants and the long drill are for people.
  const options = ['--runs', '21', '--kills', '4', '--seed', '7', '--replicas', '1', '--json'];
  const report = JSON.parse(await flotilla(inject('fleetSite'), 'drill', 'sagas', ...options));
  expect(report).toMatchObject({
    runs: 21,
    kills: 4,
    lost: 0,
    doubled: 0,
    unfinishedUndos: 0,
    inversions: 0,
    budgetOvershoot: 0,
    faultyAnswers: 0,
    findings: [],
  });
  expect(report.budgets.providerCalls).toBeGreaterThan(0);
});
