import type { Benchmark, Report } from '../benchmark.ts';
import { type Child, startChild } from '../child.ts';
import { cpuBetween, usageOf } from '../measure/process-usage.ts';
import { alternate, ratios } from '../measure/rounds.ts';
import { medianOf } from '../measure/statistics.ts';
import { shown, shownSpread } from '../report.ts';
import { threeSteps } from '../workflow-runs/definition.ts';
import type { RawCalls } from './raw-program.ts';
import { type LoneService, type Tenant, withLoneService } from './service.ts';

const rounds = 3;
const runsEach = 1_500;
/** Enough that both programs are compiled and the server's plans are made: they run for days. */
const warmUpRuns = 3_000;
const concurrency = 32;

interface Measured {
  readonly perSecond: number;
  readonly cpuMs: Readonly<Record<string, number>>;
}

const sides = { lane: 'fast lane', raw: 'raw SQL, same journal' } as const;

export const fastLane: Benchmark = {
  name: 'fast-lane',
  about: 'runs of three steps in the lane of the workflow service by itself, beside SQL by hand',
  async run(surroundings) {
    const { config, scale, say } = surroundings;
    const raw: Child<RawCalls> = startChild(new URL('raw-program.ts', import.meta.url), config.environment);
    const count = Math.max(100, Math.round(runsEach * scale));
    try {
      return await withLoneService(surroundings, 'fast-lane', async (service) => {
        await raw.call('start', { databaseUrl: service.databaseUrl, targetUrl: service.farSideUrl });
        const pids = { ...service.pids, 'raw program': raw.pid };
        const tenant = await service.newTenant();
        const workflowId = await tenant.activate(threeSteps);
        say('fast-lane: warming up');
        await runAll(service, tenant, workflowId, warmUpRuns);
        await raw.call('run', { count: warmUpRuns, concurrency });
        const measured = (work: () => Promise<number>) => async (round: number) => {
          say(`fast-lane: round ${round + 1}`);
          await service.settled();
          const before = usageOf(pids);
          const perSecond = count / (await work());
          await service.settled();
          return { perSecond, cpuMs: cpuBetween(before, usageOf(pids)) };
        };
        const found = await alternate<Measured>(rounds, {
          [sides.lane]: measured(() => runAll(service, tenant, workflowId, count)),
          [sides.raw]: measured(async () => (await raw.call('run', { count, concurrency })).seconds),
        });
        return report(found, count);
      });
    } finally {
      await raw.stop();
    }
  },
};

/** Seconds from the first call to the last end. */
async function runAll(service: LoneService, tenant: Tenant, workflowId: string, count: number): Promise<number> {
  const began = performance.timeOrigin + performance.now();
  await tenant.start(workflowId, { count, concurrency });
  await service.ended();
  const [last] = await service.query<{ at: Date }>('select max(settled_at) as at from workflow_instances');
  return ((last?.at.getTime() ?? 0) - began) / 1000;
}

function report(found: Readonly<Record<string, Measured[]>>, count: number): Report {
  const rows = Object.entries(found).map(([name, measured]) => [
    name,
    shownSpread(measured.map(({ perSecond }) => perSecond)),
  ]);
  const processes = Object.keys(Object.values(found)[0]?.[0]?.cpuMs ?? {});
  const perRun = (cpuMs: (measured: Measured) => number) =>
    Object.values(found).map((measured) => shown(medianOf(measured.map((one) => cpuMs(one) / count))));
  const all = ({ cpuMs }: Measured) => Object.values(cpuMs).reduce((sum, one) => sum + one, 0);
  const spent = processes.map((process) => [process, ...perRun(({ cpuMs }) => cpuMs[process] ?? 0)]);
  return {
    tables: [
      {
        title: `runs/s, ${count} a round, ${concurrency} callers`,
        columns: ['', 'runs/s'],
        rows: [
          ...rows,
          ['ratio', shownSpread(ratios(found, [sides.lane, sides.raw], ({ perSecond }) => perSecond))],
          ['ratio of processor time', shownSpread(ratios(found, [sides.lane, sides.raw], all))],
        ],
      },
      {
        title: 'processor ms per run, until all that it caused is done',
        columns: ['process', ...Object.keys(found)],
        rows: [...spent, ['all', ...perRun(all)]],
      },
    ],
    notes: [
      'From the call of StartInstance to the end of the last run. Beside the journal, Flotilla keeps tasks, a row that lists show, events in the outbox and at Kafka, and a grant; it checks the caller, the input and the definition, holds each run by a lease, and looks at every event for triggers.',
      'Raw SQL writes a row and the same journal, one statement a transaction, and asks the same server.',
    ],
  };
}
