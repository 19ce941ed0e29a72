import { setTimeout as pause } from 'node:timers/promises';
import { UserService } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import { anonymous, type Denial } from '@flotilla/grpc';
import { createLogger, createMetrics } from '@flotilla/observability';
import { expect, test } from 'vitest';
import { type ActionRecorderOptions, createActionRecorder, type RecordedAction } from './index.ts';

function recorderOf(send: ActionRecorderOptions['send'], maxBuffered = 10_000) {
  const metrics = createMetrics('test');
  const log = createLogger({ service: 'test', level: 'silent' });
  return { metrics, ...createActionRecorder({ service: 'test', send, log, metrics, maxBuffered, intervalMs: 10 }) };
}

const away = new AppError('unavailable', 'SERVICE_UNAVAILABLE', 'away');
const action = (n: number): RecordedAction => ({ id: String(n) });

test('actions go out in batches of at most 500, in order, each once', async () => {
  const batches: string[][] = [];
  const { record, component } = recorderOf(async (actions) => batches.push(actions.map(({ id = '' }) => id)));
  component.start?.();
  for (let n = 0; n < 1_200; n += 1) record(action(n));
  await expect.poll(() => batches.flat().length).toBe(1_200);
  expect(batches.map((batch) => batch.length)).toEqual([500, 500, 200]);
  expect(batches.flat()).toEqual(Array.from({ length: 1_200 }, (_, n) => String(n)));
  await component.stop?.(1_000);
});

test('while identity is away actions wait; what is too much is counted, and recording never fails', async () => {
  let down = true;
  const sent: string[] = [];
  const { record, component, metrics } = recorderOf(async (actions) => {
    if (down) throw away;
    sent.push(...actions.map(({ id = '' }) => id));
  }, 3);
  component.start?.();
  for (let n = 0; n < 5; n += 1) record(action(n));
  expect(await metrics.text()).toContain('actions_unrecorded_total{reason="overflow",service="test"} 2');
  down = false;
  await expect.poll(() => sent, { timeout: 5_000 }).toEqual(['0', '1', '2']);
  await component.stop?.(1_000);
});

test('a batch that is refused for good does not hold up the next, and is counted', async () => {
  const sent: string[] = [];
  const { record, component, metrics } = recorderOf(async (actions) => {
    if (actions[0]?.id === 'bad') throw new AppError('invalid_argument', 'INVALID_REQUEST', 'bad');
    sent.push(...actions.map(({ id = '' }) => id));
  });
  component.start?.();
  record({ id: 'bad' });
  await expect.poll(() => metrics.text()).toContain('actions_unrecorded_total{reason="refused",service="test"} 1');
  record({ id: 'good' });
  await expect.poll(() => sent).toEqual(['good']);
  await component.stop?.(1_000);
});

test('stopping sends what is left, and says what could not be sent', async () => {
  const sent: string[] = [];
  const well = recorderOf(async (actions) => sent.push(...actions.map(({ id = '' }) => id)));
  well.component.start?.();
  well.record(action(1));
  await well.component.stop?.(1_000);
  expect(sent).toEqual(['1']);

  const cut = recorderOf(() => Promise.reject(away));
  cut.component.start?.();
  cut.record(action(2));
  await cut.component.stop?.(1_000);
  expect(await cut.metrics.text()).toContain('actions_unrecorded_total{reason="shutdown",service="test"} 1');
});

test('only one batch is on its way at a time', async () => {
  let concurrent = 0;
  let most = 0;
  let sent = 0;
  const { record, component } = recorderOf(async (actions) => {
    concurrent += 1;
    most = Math.max(most, concurrent);
    await pause(50);
    sent += actions.length;
    concurrent -= 1;
  });
  component.start?.();
  record(action(1));
  await expect.poll(() => concurrent).toBe(1);
  for (let n = 2; n < 10; n += 1) record(action(n));
  await expect.poll(() => sent).toBe(9);
  expect(most).toBe(1);
  await component.stop?.(1_000);
});

test('a flood of refused strangers is recorded in part and counted whole; known callers are always recorded', async () => {
  const { recordDenial, metrics } = recorderOf(async () => undefined);
  const denial: Denial = {
    method: UserService.method.getUser,
    principal: undefined,
    error: new AppError('unauthenticated', 'TOKEN_INVALID', 'no'),
    traceparent: '',
    occurredAt: new Date(),
    peer: '127.0.0.1:1',
  };
  for (let n = 0; n < 500; n += 1) recordDenial(denial);
  for (let n = 0; n < 500; n += 1) recordDenial({ ...denial, principal: anonymous });
  const flooded = async () =>
    Number(/actions_unrecorded_total\{reason="flood"[^}]*\} (\d+)/.exec(await metrics.text())?.[1]);
  const known = { ...anonymous, actor: { type: 'user', id: 'u' } } as const;
  const before = await flooded();
  expect(before).toBeGreaterThanOrEqual(800);
  for (let n = 0; n < 100; n += 1) recordDenial({ ...denial, principal: known });
  expect(await flooded()).toBe(before);
});
