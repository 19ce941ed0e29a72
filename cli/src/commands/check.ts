import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '@flotilla/deploy';
import type { CliConfig } from '../config.ts';
import { type CommandResult, runCommand } from '../run-command.ts';
import { plain } from '../test-counts.ts';

/** What needs no running fleet: bundles, generated files as they should be, lint, types. Resolves to the exit code. */
export async function check(config: CliConfig): Promise<number> {
  const checks: readonly [string, () => Promise<CommandResult>][] = [
    ['build', () => turbo(config, 'build')],
    ['generate', () => generatedAsCommitted(config)],
    ['lint', () => script(config, 'lint')],
    ['typecheck', () => turbo(config, 'typecheck')],
  ];
  let passed = 0;
  for (const [name, run] of checks) {
    const began = Date.now();
    const { code, output, timedOut } = await run();
    const how = timedOut ? 'took too long' : code === 0 ? 'passed' : 'failed';
    if (code === 0) passed += 1;
    else process.stdout.write(`${output.trimEnd()}\n`);
    process.stdout.write(`${name} ${how} in ${Math.round((Date.now() - began) / 1000)} s\n`);
  }
  const failed = checks.length - passed;
  process.stdout.write(`${plain({ passed, failed, skipped: 0 })}\n`);
  return failed === 0 ? 0 : 1;
}

/** Generates everything anew and compares the working tree before and after, also where it was not committed. */
async function generatedAsCommitted(config: CliConfig): Promise<CommandResult> {
  const scratch = join(config.stateDir, 'test', `generate-${process.pid}`);
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  // Schema types come from a live database.
  const postgres = await startServer('postgres', { stateDir: join(scratch, 'postgres') });
  try {
    const before = await treeOf(config, scratch);
    const generated = await turbo(config, 'generate', { FLOTILLA_TEST_POSTGRES_URL: postgres.url });
    if (generated.code !== 0) return generated;
    const after = await treeOf(config, scratch);
    const difference = await git(config, ['diff', '--stat', '--patch', before, after]);
    if (before === after) return generated;
    const output = `Generated files are not what their sources say. Run: pnpm generate\n${difference.output.slice(0, 5_000)}`;
    return { ...difference, code: 1, output };
  } finally {
    await postgres.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The id of the working tree's content, ignored files left out. Uses an index of its own: nothing is staged. */
async function treeOf(config: CliConfig, scratch: string): Promise<string> {
  const env = { GIT_INDEX_FILE: join(scratch, 'index') };
  await git(config, ['add', '--all', '.'], env);
  return (await git(config, ['write-tree'], env)).output.trim();
}

async function git(
  config: CliConfig,
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<CommandResult> {
  const result = await runCommand('git', argv, {
    cwd: config.workspace,
    env: { ...config.env, ...env },
    timeoutMs: 60_000,
  });
  if (result.code !== 0) throw new Error(`git ${argv[0]} failed: ${result.output}`);
  return result;
}

function turbo(config: CliConfig, task: string, env: Record<string, string> = {}): Promise<CommandResult> {
  return runCommand(join(config.workspace, 'node_modules/.bin/turbo'), ['run', task, '--output-logs=errors-only'], {
    cwd: config.workspace,
    env: { ...config.env, ...env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' },
    timeoutMs: 600_000,
  });
}

function script(config: CliConfig, name: string): Promise<CommandResult> {
  const env = { ...config.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };
  return runCommand('pnpm', ['run', name], { cwd: config.workspace, env, timeoutMs: 300_000 });
}
