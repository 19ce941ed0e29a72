import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { agentExecution } from './agent-execution/benchmark.ts';
import type { Benchmark, Report, Surroundings } from './benchmark.ts';
import { readBenchConfig } from './config.ts';
import { fastLane } from './fast-lane/benchmark.ts';
import { eventWaits } from './fast-lane/event-waits.ts';
import { fairness } from './fast-lane/fairness.ts';
import { mapItems } from './fast-lane/map-items.ts';
import { waitingRunsBenchmark } from './fast-lane/waiting-runs.ts';
import { type BenchFleet, startBenchFleet } from './fleet/bench-fleet.ts';
import { idle } from './idle.ts';
import { outbox } from './outbox/benchmark.ts';
import { printed } from './report.ts';
import { start } from './start.ts';
import { workflowRuns } from './workflow-runs/benchmark.ts';
import { jobReads } from './workflow-runs/job-reads.ts';
import { stepTimes } from './workflow-runs/step-times.ts';
import { temporalLane } from './workflow-runs/temporal-lane.ts';

/** In this order: what needs no fleet first, what restarts the fleet last. */
const benchmarks: readonly Benchmark[] = [
  ...[outbox, fastLane, temporalLane, fairness, mapItems, waitingRunsBenchmark, eventWaits],
  ...[idle, agentExecution, workflowRuns, stepTimes, jobReads, start],
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    scale: { type: 'string', default: '1' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const scale = Number(values.scale);
const unknown = positionals.filter((wanted) => !benchmarks.some(({ name }) => name === wanted));
if (values.help || unknown.length > 0 || !(scale > 0)) {
  if (unknown.length > 0) process.stderr.write(`There is no benchmark ${unknown.join(', ')}.\n`);
  process.stderr.write(usage());
  process.exitCode = values.help ? 0 : 2;
} else {
  await runAll(benchmarks.filter(({ name }) => positionals.length === 0 || positionals.includes(name)));
}

async function runAll(wanted: readonly Benchmark[]): Promise<void> {
  const config = readBenchConfig();
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  let fleet: Promise<BenchFleet> | undefined;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const surroundings: Surroundings = {
    config,
    scale,
    profile: values.profile,
    say,
    fleet() {
      fleet ??= startBenchFleet(config, say);
      return fleet;
    },
  };
  // The fleet would outlive this process; servers and children of its own end with it.
  const leave = () => {
    say('ending');
    const stopped = fleet?.then((running) => running.stop()) ?? Promise.resolve();
    void stopped.catch(() => undefined).finally(() => process.exit(130));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, leave);
  const reports: Record<string, Report & { seconds: number }> = {};
  try {
    for (const benchmark of wanted) {
      say(`== ${benchmark.name}: ${benchmark.about}`);
      const began = performance.now();
      const report = await benchmark.run(surroundings);
      const seconds = Math.round((performance.now() - began) / 1000);
      reports[benchmark.name] = { ...report, seconds };
      if (!values.json) process.stdout.write(`${printed(`${benchmark.name} (${seconds} s)`, report)}\n`);
    }
  } catch (problem) {
    process.stderr.write(`${problem instanceof Error ? problem.stack : String(problem)}\n`);
    process.exitCode = 1;
  } finally {
    await fleet?.then(
      (running) => running.stop(),
      () => undefined,
    );
  }
  if (values.json) process.stdout.write(`${JSON.stringify(reports, null, 2)}\n`);
}

function usage(): string {
  const width = Math.max(...benchmarks.map(({ name }) => name.length));
  const names = benchmarks.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`);
  return [
    'usage: ./flotilla bench [name…] [--json] [--profile] [--scale <factor>]',
    ...names,
    '  --profile  also says where the processes spend their time',
    '  --scale    multiplies durations and counts: 0.2 for a quick look',
    '',
  ].join('\n');
}
