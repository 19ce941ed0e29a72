import type { Benchmark } from '../benchmark.ts';
import { withLoneService } from '../fast-lane/service.ts';
import { startBareWorkflows } from './bare.ts';
import { compared } from './comparison.ts';
import { threeSteps } from './definition.ts';

export const temporalLane: Benchmark = {
  name: 'temporal-lane',
  about: 'runs of three steps that insist on Temporal, of the workflow service by itself, beside workflows by hand',
  run: (surroundings) =>
    withLoneService(surroundings, 'temporal-lane', async (service) => {
      const { temporalAddress, farSideUrl: targetUrl } = service;
      const tenant = await service.newTenant();
      const workflowId = await tenant.activate({ ...threeSteps, driver: 'temporal' });
      const bare = await startBareWorkflows(surroundings.config.environment, { temporalAddress, targetUrl });
      try {
        return await compared(surroundings, {
          name: 'temporal-lane',
          pids: { ...service.pids, 'bare worker': bare.workerPid },
          own: { 'the service, at Temporal': () => tenant.runToEnd(workflowId) },
          bare: { 'bare, three local activities': bare.threeSteps, 'bare, empty': bare.empty },
          settled: () => service.settled(),
          profiled: service.pids.service,
          notes: [
            'Both are asked by a gRPC client without a gateway between: StartInstance and WatchInstance until the run is over, or Temporal for a start and the result. The service checks the caller and the definition, journals each step with its undo before it is taken, and publishes events; it has the grant of a run from an identity that is played.',
          ],
        });
      } finally {
        await bare.stop();
      }
    }),
};
