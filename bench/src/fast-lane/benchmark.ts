import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Benchmark, Report, Table } from '../benchmark.ts';
import { type Child, startChild } from '../child.ts';
import { cpuBetween, usageOf } from '../measure/process-usage.ts';
import { alternate, ratios } from '../measure/rounds.ts';
import { medianOf, percentile } from '../measure/statistics.ts';
import { shown, shownSpread } from '../report.ts';
import { threeSteps } from '../workflow-runs/definition.ts';
import type { RawCalls } from './raw-program.ts';
import { type LoneService, loadGenerator, type Started, startLoneService, type Tenant } from './service.ts';

const rounds = 3;
const runsEach = 1_500;
const concurrency = 32;
const queuedRuns = 10_000;
const probes = 150;
const waitingRuns = 1_000;
const megabyte = 1024 * 1024;

interface Measured {
  readonly perSecond: number;
  readonly cpuMs: Readonly<Record<string, number>>;
}

const sides = { lane: 'fast lane', raw: 'raw SQL, same journal' } as const;

export const fastLane: Benchmark = {
  name: 'fast-lane',
  about:
    'runs of three steps in the lane of the workflow service by itself, beside SQL by hand; tenants in turn; memory',
  async run(surroundings) {
    const { config, scale, say } = surroundings;
    const stateDir = join(config.stateDir, `fast-lane-${process.pid}`);
    const raw: Child<RawCalls> = startChild(new URL('raw-program.ts', import.meta.url), config.environment);
    let service: LoneService | undefined;
    try {
      const running = await startLoneService(surroundings, stateDir);
      service = running;
      await raw.call('start', { databaseUrl: running.databaseUrl, targetUrl: running.farSideUrl });
      const pids = { ...running.pids, 'raw program': raw.pid };
      const count = Math.max(100, Math.round(runsEach * scale));
      const one = await running.newTenant();
      const workflowId = await one.activate(threeSteps);
      say('fast-lane: warming up');
      await runAll(running, one, workflowId, 300);
      await raw.call('run', { count: 300, concurrency });
      const measured = (work: () => Promise<number>) => async (round: number) => {
        say(`fast-lane: round ${round + 1}`);
        const before = usageOf(pids);
        const perSecond = count / (await work());
        return { perSecond, cpuMs: withoutChildren(cpuBetween(before, usageOf(pids))) };
      };
      const found = await alternate<Measured>(rounds, {
        [sides.lane]: measured(() => runAll(running, one, workflowId, count)),
        [sides.raw]: measured(async () => (await raw.call('run', { count, concurrency })).seconds),
      });
      say('fast-lane: tenants in turn');
      const turns = await firstSteps(running, one, workflowId, scale);
      say('fast-lane: runs that wait');
      return report(found, count, [turns, await waiting(running, one, scale)]);
    } finally {
      await raw.stop();
      await service?.stop();
      rmSync(stateDir, { recursive: true, force: true });
    }
  },
};

/** Everything else is a child of the load generator, and has been counted. */
function withoutChildren({ [loadGenerator]: all = 0, ...others }: Record<string, number>): Record<string, number> {
  return { ...others, [loadGenerator]: all - Object.values(others).reduce((sum, cpuMs) => sum + cpuMs, 0) };
}

const endedRuns = async ({ database }: LoneService) =>
  (
    await database.query<{ ended: number }>(
      'select count(*)::integer as ended from workflow_instances where settled_at is not null',
    )
  )[0]?.ended ?? 0;

/** Seconds from the first call to the last end. */
async function runAll(service: LoneService, tenant: Tenant, workflowId: string, count: number): Promise<number> {
  const before = await endedRuns(service);
  const began = performance.timeOrigin + performance.now();
  await tenant.start(workflowId, { count, concurrency });
  await service.ended(before + count);
  const [last] = await service.database.query<{ at: Date }>('select max(settled_at) as at from workflow_instances');
  return ((last?.at.getTime() ?? 0) - began) / 1000;
}

/** From the call to the first step in the journal: of a service that has nothing to do, and of one with a long queue of another tenant. */
async function firstSteps(service: LoneService, many: Tenant, ofMany: string, scale: number): Promise<Table> {
  const few = await service.newTenant();
  const ofFew = await few.activate(threeSteps);
  const probe = async () => {
    const waits: number[] = [];
    for (let at = 0; at < Math.max(20, probes * scale); at += 1) {
      const before = await endedRuns(service);
      waits.push(...(await waitsOf(service, await few.start(ofFew, { count: 1, concurrency: 1 }))));
      if (before < 0) break;
    }
    return waits;
  };
  await probe();
  const idle = await probe();
  const count = Math.round(queuedRuns * scale);
  const ended = await endedRuns(service);
  const filling = many.start(ofMany, { count, concurrency: 64 });
  await filling;
  const queued = async () =>
    (
      await service.database.query<{ queued: number }>(
        `select count(*)::integer as queued from workflow_instances where driver = 'queued'`,
      )
    )[0]?.queued ?? 0;
  const atFirst = await queued();
  const busy = await probe();
  const atLast = await queued();
  await service.ended(ended + count);
  const row = (name: string, waits: readonly number[]) => [
    name,
    ...[0.5, 0.9, 0.99].map((share) => shown(percentile(waits, share))),
  ];
  return {
    title: `ms from the start call to the first step; while runs of another tenant queue (${atFirst} at first, ${atLast} at last)`,
    columns: ['', 'p50', 'p90', 'p99'],
    rows: [
      row('idle', idle),
      row('behind the queue', busy),
      ['ratio', ...[0.5, 0.9, 0.99].map((share) => shown(percentile(busy, share) / percentile(idle, share)))],
    ],
  };
}

async function waitsOf({ database }: LoneService, started: readonly Started[]): Promise<number[]> {
  const waits: number[] = [];
  for (const { id, calledAt } of started) {
    for (let at: Date | null | undefined; waits.length < started.length; ) {
      const [row] = await database.query<{ at: Date | null }>(
        `select min(occurred_at) as at from workflow_journal where kind = 'step_started' and instance_id = $1`,
        [id],
      );
      at = row?.at;
      if (at != null) waits.push(at.getTime() - calledAt);
    }
  }
  return waits;
}

/** What runs that wait for an hour cost in memory. */
async function waiting(service: LoneService, tenant: Tenant, scale: number): Promise<Table> {
  const workflowId = await tenant.activate({ steps: [{ id: 'rest', kind: 'wait', duration: 3_600_000 }] });
  const count = Math.round(waitingRuns * scale);
  const before = usageOf(service.pids, { memory: true });
  await tenant.start(workflowId, { count, concurrency });
  const after = usageOf(service.pids, { memory: true });
  const grown = (name: string) => ((after[name]?.memoryBytes ?? 0) - (before[name]?.memoryBytes ?? 0)) / megabyte;
  return {
    title: `${count} runs that wait for an hour`,
    columns: ['process', 'MB before', 'MB more'],
    rows: ['service', 'temporal', 'postgres'].map((name) => [
      name,
      shown((before[name]?.memoryBytes ?? 0) / megabyte),
      shown(grown(name)),
    ]),
  };
}

function report(found: Readonly<Record<string, Measured[]>>, count: number, more: readonly Table[]): Report {
  const rows = Object.entries(found).map(([name, measured]) => [
    name,
    shownSpread(measured.map(({ perSecond }) => perSecond)),
  ]);
  const processes = Object.keys(Object.values(found)[0]?.[0]?.cpuMs ?? {});
  const spent = processes.map((process) => [
    process,
    ...Object.values(found).map((measured) =>
      shown(medianOf(measured.map(({ cpuMs }) => (cpuMs[process] ?? 0) / count))),
    ),
  ]);
  const ratio = ratios(found, [sides.lane, sides.raw], ({ perSecond }) => perSecond);
  return {
    tables: [
      {
        title: `runs/s, ${count} a round, ${concurrency} callers`,
        columns: ['', 'runs/s'],
        rows: [...rows, ['ratio', shownSpread(ratio)]],
      },
      { title: 'processor ms per run', columns: ['process', ...Object.keys(found)], rows: spent },
      ...more,
    ],
    notes: [
      'From the call of StartInstance to the end of the last run. Beside the journal, Flotilla keeps tasks, a row that lists show, events in the outbox and at Kafka, and a grant; it checks the caller, the input and the definition, and holds each run by a lease.',
      'Raw SQL writes a row and the same journal, one statement a transaction, and asks the same server.',
    ],
  };
}
