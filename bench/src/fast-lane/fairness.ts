import { setTimeout as delay } from 'node:timers/promises';
import type { Benchmark, Report } from '../benchmark.ts';
import { percentile } from '../measure/statistics.ts';
import { shown } from '../report.ts';
import { threeSteps } from '../workflow-runs/definition.ts';
import { type LoneService, type Tenant, withLoneService } from './service.ts';

const queuedRuns = 10_000;
const probes = 1_000;
const callers = 64;
const warmUpRuns = 3_000;
const shares = [0.5, 0.9, 0.99] as const;

export const fairness: Benchmark = {
  name: 'fairness',
  about: 'the first step of a tenant with one run, while 10,000 runs of another tenant queue',
  run: (surroundings) =>
    withLoneService(surroundings, 'fairness', async (service) => {
      const { scale, say } = surroundings;
      const count = Math.round(queuedRuns * scale);
      const [many, few] = [await service.newTenant(), await service.newTenant()];
      const [ofMany, ofFew] = [await many.activate(threeSteps), await few.activate(threeSteps)];
      const probe = (share = 1) => waits(service, few, ofFew, Math.max(20, Math.round(probes * share * scale)));
      say('fairness: warming up');
      await many.start(ofMany, { count: warmUpRuns, concurrency: callers });
      await service.ended();
      await probe(0.5);
      say('fairness: with nothing to do');
      await service.settled();
      const before = await probe(0.5);
      say('fairness: a tenant queues its runs');
      await many.start(ofMany, { count, concurrency: callers });
      const atFirst = await queued(service);
      const began = performance.now();
      const busy = await probe();
      const seconds = (performance.now() - began) / 1000;
      const atLast = await queued(service);
      say('fairness: with nothing to do again');
      await service.ended();
      await service.settled();
      // A machine may have become slower or faster meanwhile.
      const idle = [...before, ...(await probe(0.5))];
      return report({ idle, busy }, { atFirst, atLast, perSecond: (atFirst - atLast) / seconds });
    }),
};

async function queued({ query }: LoneService): Promise<number> {
  const waiting = `select count(*)::integer as queued from workflow_instances where driver = 'queued'`;
  return (await query<{ queued: number }>(waiting))[0]?.queued ?? 0;
}

/** Milliseconds from the call to the first step in the journal, for one run after another. */
async function waits({ query }: LoneService, tenant: Tenant, workflowId: string, count: number): Promise<number[]> {
  const found: number[] = [];
  const firstStep = `select min(occurred_at) as at from workflow_journal where kind = 'step_started' and instance_id = $1
    and tenant_id = (select tenant_id from workflow_instances where id = $1)`;
  while (found.length < count) {
    const [run] = await tenant.start(workflowId, { count: 1, concurrency: 1 });
    for (let at: Date | null | undefined; run !== undefined && at == null; await delay(5)) {
      at = (await query<{ at: Date | null }>(firstStep, [run.id]))[0]?.at;
      if (at != null) found.push(at.getTime() - run.calledAt);
    }
  }
  return found;
}

function report(
  { idle, busy }: Readonly<Record<'idle' | 'busy', readonly number[]>>,
  { atFirst, atLast, perSecond }: { readonly atFirst: number; readonly atLast: number; readonly perSecond: number },
): Report {
  const row = (name: string, figure: (share: number) => number) => [
    name,
    ...shares.map((share) => shown(figure(share))),
  ];
  return {
    tables: [
      {
        title: `ms from the start call to the first step, while runs of another tenant queue (${atFirst} at first, ${atLast} at last)`,
        columns: ['', 'p50', 'p90', 'p99'],
        rows: [
          row('idle', (share) => percentile(idle, share)),
          row('behind the queue', (share) => percentile(busy, share)),
          row('ratio', (share) => percentile(busy, share) / percentile(idle, share)),
        ],
      },
    ],
    notes: [`The queue was worked off at ${shown(perSecond)} runs/s meanwhile.`],
  };
}
