import { expect, inject, test } from 'vitest';
import { flotilla } from './flotilla.ts';

test('a short drill of sagas leaves stores that agree: nothing lost, doubled, left over or out of order', async () => {
  const options = ['--runs', '24', '--kills', '5', '--seed', '7', '--replicas', '1', '--json'];
  const report = JSON.parse(await flotilla(inject('fleetSite'), 'drill', 'sagas', ...options));
  expect(report).toMatchObject({
    runs: 24,
    kills: 5,
    lost: 0,
    doubled: 0,
    unfinishedUndos: 0,
    inversions: 0,
  });
});
