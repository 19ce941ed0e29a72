import type { Benchmark } from '../benchmark.ts';
import { usageOf } from '../measure/process-usage.ts';
import { shown } from '../report.ts';
import { withLoneService } from './service.ts';

const waitingRuns = 1_000;
const megabyte = 1024 * 1024;

export const waitingRunsBenchmark: Benchmark = {
  name: 'waiting-runs',
  about: 'memory of 1,000 runs that wait for an hour',
  run: (surroundings) =>
    withLoneService(surroundings, 'waiting-runs', async (service) => {
      const tenant = await service.newTenant();
      const workflowId = await tenant.activate({ steps: [{ id: 'rest', kind: 'wait', duration: 3_600_000 }] });
      const count = Math.round(waitingRuns * surroundings.scale);
      await tenant.start(workflowId, { count: Math.ceil(count / 10), concurrency: 16 });
      const before = usageOf(service.pids, { memory: true });
      surroundings.say('waiting-runs: starting them');
      await tenant.start(workflowId, { count, concurrency: 16 });
      await service.driven();
      const after = usageOf(service.pids, { memory: true });
      const size = (of: typeof before, name: string) => (of[name]?.memoryBytes ?? 0) / megabyte;
      return {
        tables: [
          {
            title: `${count} runs that wait for an hour`,
            columns: ['process', 'MB before', 'MB more', 'KB a run'],
            rows: ['service', 'temporal', 'postgres'].map((name) => {
              const grown = size(after, name) - size(before, name);
              return [name, shown(size(before, name)), shown(grown), shown((grown * 1024) / count)];
            }),
          },
        ],
        notes: ['Until Temporal has a timer for each of them. What Postgres grows by is its cache.'],
      };
    }),
};
