import { setTimeout as delay } from 'node:timers/promises';
import type { Benchmark } from '../benchmark.ts';
import { cpuBetween, usageOf } from '../measure/process-usage.ts';
import { percentile } from '../measure/statistics.ts';
import { shown } from '../report.ts';
import { threeSteps } from '../workflow-runs/definition.ts';
import { type LoneService, type Tenant, withLoneService } from './service.ts';

const waitingRuns = 5_000;
const waitsOfOneRun = 100;
const eventsEach = 100;
const warmUpRuns = 1_000;
const idleMs = 5_000;

/** Each item of a map waits for the workflow of its own name to be created. */
const waitsFor = (when: string) => ({
  steps: [
    {
      ...{ id: 'each', kind: 'map', items: '${input.slugs}', maxConcurrency: waitsOfOneRun },
      steps: [{ id: 'hold', kind: 'wait', event: 'flotilla.workflow.v1.WorkflowCreated', when }],
      output: 'done',
    },
  ],
});

const conditions = {
  'an equality': 'event.workflow.slug == item',
  'no equality': 'event.workflow.slug.endsWith(item)',
} as const;

interface Handled {
  readonly seconds: number;
  readonly cpuMs: number;
  /** Of runs of another tenant meanwhile. */
  readonly runsMs: readonly number[];
}

export const eventWaits: Benchmark = {
  name: 'event-waits',
  about: '100 events for each of which one step waits, while 5,000 others wait for the same type; and runs beside it',
  run: (surroundings) =>
    withLoneService(surroundings, 'event-waits', async (service) => {
      const { scale, say } = surroundings;
      const others = Math.round(waitingRuns * scale);
      const beside = await service.newTenant();
      const ofBeside = await beside.activate(threeSteps);
      say('event-waits: warming up');
      await beside.start(ofBeside, { count: warmUpRuns, concurrency: 16 });
      await service.ended();
      const rows: string[][] = [
        ['nothing comes', '', '', '', ...spread(await probe(service, beside, ofBeside, () => delay(idleMs)))],
      ];
      for (const [name, when] of Object.entries(conditions)) {
        const waiting = await service.newTenant();
        const workflowId = await waiting.activate(waitsFor(when));
        const definition = { steps: [{ id: 'only', kind: 'transform', value: 1 }] };
        for (const count of [0, others]) {
          say(`event-waits: ${name}, ${count} others`);
          await wait(service, waiting, workflowId, namesOf(`o${count}`, count));
          const slugs = namesOf(`e${count}`, eventsEach);
          const before = await waits(service);
          await wait(service, waiting, workflowId, slugs);
          await service.settled();
          let handled: Omit<Handled, 'runsMs'> | undefined;
          const runsMs = await probe(service, beside, ofBeside, async () => {
            const used = usageOf(service.pids);
            const began = performance.now();
            await Promise.all(slugs.map((slug) => waiting.activate(definition, slug)));
            await until(async () => (await waits(service)) === before);
            const cpuMs = cpuBetween(used, usageOf(service.pids))['service'] ?? 0;
            handled = { seconds: (performance.now() - began) / 1000, cpuMs };
          });
          rows.push([
            name,
            String(count),
            shown(handled?.seconds ?? Number.NaN),
            shown(handled?.cpuMs ?? Number.NaN),
            ...spread(runsMs),
          ]);
        }
      }
      return {
        tables: [
          {
            title: `${eventsEach} events, each awaited by one step`,
            columns: ['the condition is', 'others wait', 's to the last end', 'service ms', 'a run p50', 'p99', 'most'],
            rows,
          },
        ],
        notes: [
          'From the first call that makes an event until the last of the steps has ended. Each workflow that is created is activated, too.',
          'A run of three steps of another tenant, one after the other: ms from its start call to its end.',
        ],
      };
    }),
};

const namesOf = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

/** Resolves when for each of these a step waits. */
async function wait(service: LoneService, tenant: Tenant, workflowId: string, slugs: readonly string[]): Promise<void> {
  const before = await waits(service);
  for (let first = 0; first < slugs.length; first += waitsOfOneRun) {
    const input = { slugs: slugs.slice(first, first + waitsOfOneRun) };
    await tenant.start(workflowId, { count: 1, concurrency: 1, input });
  }
  while ((await waits(service)) < before + slugs.length) await delay(100);
}

async function waits({ query }: LoneService): Promise<number> {
  return (await query<{ waits: number }>('select count(*)::integer as waits from workflow_event_waits'))[0]?.waits ?? 0;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(20);
}

/** How long runs take, one after the other, while this work is done. */
async function probe(
  { query }: LoneService,
  tenant: Tenant,
  workflowId: string,
  work: () => Promise<unknown>,
): Promise<number[]> {
  const found: number[] = [];
  let isDone = false;
  const working = work().finally(() => {
    isDone = true;
  });
  while (!isDone) {
    const [run] = await tenant.start(workflowId, { count: 1, concurrency: 1 });
    for (let at: Date | null | undefined; run !== undefined && at == null; await delay(5)) {
      at = (
        await query<{ at: Date | null }>('select settled_at as at from workflow_instances where id = $1', [run.id])
      )[0]?.at;
      if (at != null) found.push(at.getTime() - run.calledAt);
    }
  }
  await working;
  return found;
}

function spread(ms: readonly number[]): string[] {
  return [percentile(ms, 0.5), percentile(ms, 0.99), Math.max(...ms)].map(shown);
}
