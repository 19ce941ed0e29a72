import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startTestServers } from '@flotilla/deploy';
import type { CliConfig } from '../config.ts';
import { runCommand } from '../run-command.ts';
import { type Counts, countReport, plain, sum } from '../test-counts.ts';
import { buildBundles } from './up.ts';

/** In this order, the quickest first; each with the time after which it is ended. */
const stages = [
  { project: 'unit', minutes: 8 },
  { project: 'integration', minutes: 25 },
  { project: 'faults', minutes: 20 },
  { project: 'end-to-end', minutes: 25 },
] as const;

/** Runs the tests on servers of their own. Resolves to the exit code: 0 when something ran and nothing failed. */
export async function test(
  config: CliConfig,
  filters: readonly string[],
  { projects }: { readonly projects: readonly string[] },
): Promise<number> {
  const runDir = join(
    config.stateDir,
    'test',
    `${new Date()
      .toISOString()
      .replaceAll(/[^0-9]/g, '')
      .slice(0, 14)}-${process.pid}`,
  );
  mkdirSync(runDir, { recursive: true, mode: 0o700 });
  process.stdout.write('building the bundles\n');
  await buildBundles(config);
  process.stdout.write('starting servers for the tests\n');
  const servers = await startTestServers(join(runDir, 'servers'));
  const counted: Counts[] = [];
  try {
    for (const { project, minutes } of stages.filter(
      (one) => projects.length === 0 || projects.includes(one.project),
    )) {
      counted.push(await runStage(config, { project, minutes, filters, runDir, env: servers.env }));
    }
  } finally {
    await servers.stop();
  }
  const total = sum(counted);
  if (total.failed === 0) rmSync(runDir, { recursive: true, force: true });
  else process.stdout.write(`What the servers logged: ${runDir}\n`);
  if (total.passed + total.failed === 0) process.stdout.write('No test was run: no file matches.\n');
  process.stdout.write(`${plain(total)}\n`);
  return total.passed > 0 && total.failed === 0 ? 0 : 1;
}

interface Stage {
  readonly project: string;
  readonly minutes: number;
  readonly filters: readonly string[];
  readonly runDir: string;
  readonly env: Readonly<Record<string, string>>;
}

async function runStage(config: CliConfig, { project, minutes, filters, runDir, env }: Stage): Promise<Counts> {
  process.stdout.write(`\n== ${project} (at most ${minutes} minutes)\n`);
  const report = join(runDir, `${project}.json`);
  const vitest = join(config.workspace, 'node_modules/vitest/vitest.mjs');
  const argv = [
    vitest,
    'run',
    '--project',
    project,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const began = Date.now();
  const { code, timedOut } = await runCommand(
    process.execPath,
    ['--disable-warning=TimeoutNegativeWarning', ...argv, ...filters],
    {
      cwd: config.workspace,
      env: { ...config.env, ...env, KAFKAJS_NO_PARTITIONER_WARNING: '1' },
      timeoutMs: minutes * 60_000,
      onLine: (line) => process.stdout.write(`${line}\n`),
    },
  );
  const counts = countReport(readText(report));
  if (timedOut) process.stdout.write(`${project} was ended after ${minutes} minutes\n`);
  // Something outside of any test went wrong: an unhandled error, a time-out, a crash.
  const failed = counts.failed === 0 && code !== 0 ? 1 : counts.failed;
  process.stdout.write(
    `== ${project}: ${plain({ ...counts, failed })} in ${Math.round((Date.now() - began) / 1000)} s\n`,
  );
  return { ...counts, failed };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
