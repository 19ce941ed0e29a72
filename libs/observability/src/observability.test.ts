import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import {
  createLogger,
  createMetrics,
  currentTraceparent,
  newTraceparent,
  traceIdOf,
  withTraceparent,
} from './index.ts';

function logInto(lines: string[]) {
  return createLogger({ service: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } });
}

test('a secret under a telling name never reaches the log, at any depth, in children and in causes', () => {
  const lines: string[] = [];
  const log = logInto(lines);
  const secrets = {
    authorization: 'canary',
    a: { b: { newPassword: 'canary', apiKey: 'canary', session_token: 'canary' } },
  };
  log.info(secrets, 'said');
  log.child({ secret: 'canary' }).info('said');
  log.info({ url: 'postgres://me:canary@host/db' });
  const failure = Object.assign(new Error('boom', { cause: Object.assign(new Error('inner'), { detail: 'canary' }) }), {
    detail: 'canary',
  });
  log.error({ err: failure });
  expect(lines).toHaveLength(4);
  expect(lines.join('')).not.toContain('canary');
  expect(lines[3]).toContain('inner');
});

test('what is no secret stays: token counts, page tokens’ names, ids', () => {
  const lines: string[] = [];
  logInto(lines).info({ inputTokens: 5, tenantId: 't', keyId: 'k' });
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    service: 'test',
    level: 'info',
    inputTokens: 5,
    tenantId: 't',
    keyId: 'k',
  });
});

test('the trace survives awaits and is in every log line', async () => {
  const traceparent = newTraceparent();
  const lines: string[] = [];
  const log = logInto(lines);
  await withTraceparent(traceparent, 'work', async () => {
    await setImmediate();
    log.info('inside');
    expect(traceIdOf(currentTraceparent() ?? '')).toBe(traceIdOf(traceparent));
  });
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ traceId: traceIdOf(traceparent) });
  expect(currentTraceparent()).toBeUndefined();
});

test.each([undefined, '', 'nonsense', '00-00000000000000000000000000000000-0000000000000000-01'])(
  'a call with traceparent %j begins a trace of its own',
  (given) => {
    expect(withTraceparent(given, 'work', currentTraceparent)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  },
);

test('two services in one process count apart', async () => {
  const [one, two] = [createMetrics('one'), createMetrics('two')];
  one.counter('calls_total', 'Calls.', ['code']).inc({ code: 'ok' });
  one.counter('calls_total', 'Calls.', ['code']).inc({ code: 'ok' });
  expect(await one.text()).toContain('calls_total{code="ok",service="one"} 2');
  expect(await two.text()).not.toContain('calls_total');
});
