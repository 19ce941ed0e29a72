import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const library = JSON.stringify(new URL('index.ts', import.meta.url).href);
const argv = (source: string) => ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', source];

test('meters and a logger let a process sleep that has nothing to do, and lose no line at its end', async () => {
  const source = `
    import { performance } from 'node:perf_hooks';
    import { setTimeout as delay } from 'node:timers/promises';
    import { createLogger, createMetrics } from ${library};
    createMetrics('idle');
    const log = createLogger({ service: 'idle', level: 'info' });
    log.info('said');
    await delay(500);
    const before = performance.nodeTiming.uvMetricsInfo.loopCount;
    await delay(1_000);
    log.info({ turns: performance.nodeTiming.uvMetricsInfo.loopCount - before }, 'counted');
  `;
  const { stdout } = await promisify(execFile)(process.execPath, argv(source));
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { msg: string; turns?: number });
  expect(lines.map(({ msg }) => msg)).toEqual(['said', 'counted']);
  // With a timer for the event loop's delay they were a hundred, with one that flushes what nobody wrote ten.
  expect(lines[1]?.turns).toBeLessThan(5);
});

test('a line that was said while earlier ones could not be written yet comes by itself', async () => {
  const source = `
    import { setTimeout as delay } from 'node:timers/promises';
    import { createLogger } from ${library};
    const log = createLogger({ service: 'blocked', level: 'info' });
    log.info('x'.repeat(1_000_000));
    await delay(100);
    log.info('last');
    await delay(500);
    process.stderr.write('blocked');
    process.stdin.resume();
  `;
  const child = spawn(process.execPath, argv(source), { stdio: 'pipe' });
  try {
    // Until now nobody reads, and the pipe is full.
    await once(child.stderr, 'data');
    let seen = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      seen += chunk;
      if (seen.includes('last')) break;
    }
    expect(child.exitCode).toBeNull();
    expect(seen).toContain('last');
  } finally {
    child.kill('SIGKILL');
  }
});
