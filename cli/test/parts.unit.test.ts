import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../src/config.ts';
import { identify, isAlive, memoryOf, portOwner } from '../src/process-table.ts';
import { runCommand } from '../src/run-command.ts';
import { openLogFile } from '../src/supervisor/log-file.ts';
import { backOffMs } from '../src/supervisor/tended-process.ts';
import { countReport, plain } from '../src/test-counts.ts';

const folder = mkdtempSync(join(tmpdir(), 'flotilla-cli-'));

describe('the process table', () => {
  test('tells a process from a later one with the same pid', () => {
    const own = identify(process.pid);
    expect(own !== undefined && isAlive(own)).toBe(true);
    expect(isAlive({ pid: process.pid, startTicks: (own?.startTicks ?? 0) - 1 })).toBe(false);
  });

  test('knows who listens and how much memory it holds', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(portOwner(port)?.pid).toBe(process.pid);
    server.close();
    expect(memoryOf([process.pid]).get(process.pid)).toBeGreaterThan(10_000_000);
  });
});

test('a log never takes more than twice its limit, and its end is never lost', () => {
  const path = join(folder, 'web.log');
  const log = openLogFile(path, 1000);
  for (let line = 0; line < 150; line += 1) log.write(`line ${String(line).padStart(3, '0')}\n`);
  log.close();
  const [now, before] = [readFileSync(path, 'utf8'), readFileSync(`${path}.1`, 'utf8')];
  expect(now.length).toBeLessThanOrEqual(1000);
  expect(before.length).toBeLessThanOrEqual(1000);
  expect(`${before}${now}`.endsWith('line 148\nline 149\n')).toBe(true);
});

test('passes an operator’s settings on to the fleet, and nothing else', () => {
  const settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    WORKFLOW_LANE_MS: '1',
    FLOTILLA_LOG_LEVEL: 'warn',
  };
  expect(readConfig({ ...settings, EDITOR: 'ed' }).overrides).toEqual(settings);
});

test('a crashing process is tried again at ever longer intervals, up to ten seconds', () => {
  expect([1, 2, 3, 4, 7, 50].map(backOffMs)).toEqual([200, 400, 800, 1600, 10_000, 10_000]);
});

describe('counting tests', () => {
  const report = (...testResults: unknown[]) => JSON.stringify({ testResults });
  const file = (status: string, ...states: string[]) => ({
    status,
    assertionResults: states.map((one) => ({ status: one })),
  });

  test('adds up what passed, failed and was left out', () => {
    const counts = countReport(
      report(file('passed', 'passed', 'passed', 'skipped'), file('failed', 'passed', 'failed')),
    );
    expect(plain(counts)).toBe('3 passed, 1 failed, 1 skipped');
  });

  test('a file that could not be loaded is a failure', () => {
    expect(plain(countReport(report(file('failed'))))).toBe('0 passed, 1 failed');
  });

  test('no report counts as nothing', () => {
    expect(plain(countReport(''))).toBe('0 passed, 0 failed');
  });
});

describe('running a command', () => {
  const options = { cwd: folder, env: process.env, timeoutMs: 10_000 };

  test('gives its lines while they come, its output and its code', async () => {
    const lines: string[] = [];
    const result = await runCommand('sh', ['-c', 'echo one; echo two >&2; printf three; exit 3'], {
      ...options,
      onLine: (line) => lines.push(line),
    });
    expect(result).toMatchObject({ code: 3, timedOut: false });
    expect(lines.toSorted()).toEqual(['one', 'three', 'two']);
  });

  test('ends it and its children when the time is over', { timeout: 30_000 }, async () => {
    const told: string[] = [];
    const running = runCommand('sh', ['-c', 'sleep 60 & echo $!; wait'], {
      ...options,
      timeoutMs: 2_000,
      onLine: (line) => told.push(line),
    });
    expect(await running).toMatchObject({ code: 124, timedOut: true });
    expect(told).toHaveLength(1);
    await expect.poll(() => identify(Number(told[0]))).toBeUndefined();
  });

  test('a command that is not there is an error, not a crash', async () => {
    expect(await runCommand('no-such-command', [], options)).toMatchObject({ code: 127 });
  });
});

test('a base port without sense is refused', () => {
  expect(() => readConfig({ FLOTILLA_PORT_BASE: 'many' })).toThrow(/FLOTILLA_PORT_BASE/);
  expect(readConfig({}).portBase).toBe(7400);
});

test('processes get only the variables that they are meant to', () => {
  const { inherited, overrides } = readConfig({
    PATH: '/bin',
    SECRET: 'x',
    LLM_AGENT_TIMEOUT: '5',
    FLOTILLA_LOG_LEVEL: 'debug',
  });
  expect(inherited).not.toHaveProperty('SECRET');
  expect(overrides).toEqual({ LLM_AGENT_TIMEOUT: '5', FLOTILLA_LOG_LEVEL: 'debug' });
});
