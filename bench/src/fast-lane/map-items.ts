import type { Benchmark } from '../benchmark.ts';
import { cpuBetween, usageOf } from '../measure/process-usage.ts';
import { shown } from '../report.ts';
import { type LoneService, loadGenerator, type Tenant, withLoneService } from './service.ts';

const sizes = [1, 100, 1_000, 10_000] as const;
const shapes = { transform: 'a transform', http: 'a request with its undo' } as const;

/** A map whose items each take one step. */
const mapOf = (shape: keyof typeof shapes) => ({
  steps: [
    {
      id: 'each',
      kind: 'map',
      items: '${input.items}',
      maxConcurrency: 50,
      steps: [
        shape === 'transform'
          ? { id: 'one', kind: 'transform', value: '${item}' }
          : {
              id: 'one',
              kind: 'http',
              url: '${input.url}/open',
              body: { run: '${run.id}', item: '${item}' },
              undo: { method: 'POST', url: '${input.url}/undo', body: { key: '${effect.key}' } },
            },
      ],
    },
  ],
  output: { count: '${size(steps.each.output)}' },
});

export const mapItems: Benchmark = {
  name: 'map-items',
  about: 'a map over 1 to 10,000 items, each with its state in the journal and a task',
  run: (surroundings) =>
    withLoneService(surroundings, 'map-items', async (service) => {
      const tenant = await service.newTenant();
      const rows: string[][] = [];
      for (const shape of Object.keys(shapes) as (keyof typeof shapes)[]) {
        const workflowId = await tenant.activate(mapOf(shape));
        await measure(service, tenant, workflowId, 20);
        for (const size of sizes) {
          const items = Math.max(1, Math.round(size * Math.min(1, surroundings.scale)));
          surroundings.say(`map-items: ${items} of ${shapes[shape]}`);
          const { seconds, cpuMs, status } = await measure(service, tenant, workflowId, items);
          rows.push([
            shapes[shape],
            String(items),
            status,
            shown(seconds),
            shown((1000 * seconds) / items),
            shown(cpuMs / items),
          ]);
        }
      }
      return {
        tables: [
          {
            title: 'one run',
            columns: ['each item', 'items', 'status', 'seconds', 'ms an item', 'processor ms an item'],
            rows,
          },
        ],
        notes: [
          'From the start call to the end of the run; 50 items under way at once. Processor time of all processes but the load generator until nothing is left to do, at least one turn of the sweep: with few items it is mostly that.',
        ],
      };
    }),
};

async function measure(service: LoneService, tenant: Tenant, workflowId: string, items: number) {
  const before = usageOf(service.pids);
  const [run] = await tenant.start(workflowId, {
    ...{ count: 1, concurrency: 1 },
    input: { items: Array.from({ length: items }, (_, index) => index) },
  });
  await service.ended();
  const [row] = await service.query<{ at: Date; status: string }>(
    'select settled_at as at, status from workflow_instances where id = $1',
    [run?.id],
  );
  await service.settled();
  const { [loadGenerator]: _, ...spent } = cpuBetween(before, usageOf(service.pids));
  return {
    status: row?.status ?? '',
    seconds: ((row?.at.getTime() ?? 0) - (run?.calledAt ?? 0)) / 1000,
    cpuMs: Object.values(spent).reduce((sum, one) => sum + one, 0),
  };
}
