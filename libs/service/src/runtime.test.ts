import { AppError } from '@flotilla/errors';
import { createLogger, createMetrics } from '@flotilla/observability';
import { expect, test } from 'vitest';
import { type Component, createRuntime } from './index.ts';

function runtimeOf(components: Component[], graceMs = 2_000) {
  return createRuntime({
    name: 'test',
    log: createLogger({ service: 'test', level: 'silent' }),
    metrics: createMetrics('test'),
    adminHost: '127.0.0.1',
    adminPort: 0,
    components,
    graceMs,
  });
}

function recorder() {
  const steps: string[] = [];
  const component = (phase: Component['phase'], more: Partial<Component> = {}): Component => ({
    name: phase,
    phase,
    start: () => steps.push(`start ${phase}`),
    stop: () => steps.push(`stop ${phase}`),
    ...more,
  });
  return { steps, component };
}

const get = async (port: number, path: string) => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, body: await response.text() };
};

test('parts start from storage to edge, however they are listed, and stop in the opposite order', async () => {
  const { steps, component } = recorder();
  const runtime = runtimeOf([
    component('edge'),
    component('work'),
    component('relay'),
    component('storage'),
    component('transport'),
  ]);
  expect(steps).toEqual([]);
  await runtime.start();
  await runtime.stop();
  const order = ['storage', 'transport', 'relay', 'work', 'edge'];
  expect(steps).toEqual([
    ...order.map((phase) => `start ${phase}`),
    ...order.toReversed().map((phase) => `stop ${phase}`),
  ]);
});

test('the edge has drained before what it leans on stops', async () => {
  const { steps, component } = recorder();
  const drained = Promise.withResolvers<void>();
  const runtime = runtimeOf([
    component('storage'),
    component('edge', {
      stop: async () => {
        steps.push('draining');
        await drained.promise;
        steps.push('drained');
      },
    }),
  ]);
  await runtime.start();
  const stopped = runtime.stop();
  await Promise.resolve();
  expect(steps).not.toContain('stop storage');
  drained.resolve();
  await stopped;
  expect(steps.slice(-3)).toEqual(['draining', 'drained', 'stop storage']);
});

test('a failure at start leaves nothing half-started and no port open', async () => {
  const { steps, component } = recorder();
  const failure = new AppError('unavailable', 'CANNOT_LISTEN', 'no');
  const fail = () => {
    throw failure;
  };
  const runtime = runtimeOf([component('storage'), component('work', { start: fail }), component('edge')]);
  await expect(runtime.start()).rejects.toBe(failure);
  expect(steps).toEqual(['start storage', 'stop work', 'stop storage']);
  expect(await runtime.readiness()).toMatchObject({ ready: false, state: 'stopped' });
});

test('a part that hangs is left behind when its time is up', async () => {
  const { steps, component } = recorder();
  const runtime = runtimeOf(
    [component('storage'), component('edge', { stop: () => new Promise(() => undefined) })],
    200,
  );
  await runtime.start();
  await runtime.stop();
  expect(steps.at(-1)).toBe('stop storage');
});

test('probes: alive at once, ready while every check passes, and the failing one is named', async () => {
  let broken = false;
  const { component } = recorder();
  const check = async () => {
    if (broken) throw new AppError('unavailable', 'DATABASE_UNAVAILABLE', 'secret host');
  };
  const optional = {
    name: 'kafka',
    phase: 'transport',
    optional: true,
    check: () => Promise.reject(new Error('x')),
  } as const;
  const runtime = runtimeOf([component('storage', { name: 'database', check }), optional]);
  const { adminPort } = await runtime.start();
  expect(await get(adminPort, '/livez')).toMatchObject({ status: 200 });
  expect(await get(adminPort, '/readyz')).toMatchObject({ status: 200 });
  expect(JSON.parse((await get(adminPort, '/readyz')).body).checks.kafka).toMatchObject({ ok: false, optional: true });
  broken = true;
  await expect.poll(() => get(adminPort, '/readyz'), { timeout: 3_000 }).toMatchObject({ status: 503 });
  const { body } = await get(adminPort, '/readyz');
  expect(JSON.parse(body)).toMatchObject({
    ready: false,
    checks: { database: { ok: false, reason: 'DATABASE_UNAVAILABLE' } },
  });
  expect(body).not.toContain('secret host');
  expect((await get(adminPort, '/metrics')).body).toContain('service_running{service="test"} 1');
  expect(await get(adminPort, '/elsewhere')).toMatchObject({ status: 404 });
  await runtime.stop();
  await expect(get(adminPort, '/livez')).rejects.toThrow();
});
