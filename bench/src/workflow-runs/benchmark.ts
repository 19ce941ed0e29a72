import type { Benchmark } from '../benchmark.ts';
import { type Callers, openCallers } from '../fleet/rest.ts';
import { startBareWorkflows } from './bare.ts';
import { compared, concurrency } from './comparison.ts';
import { haveWorkflow } from './definition.ts';

export const workflowRuns: Benchmark = {
  name: 'workflow-runs',
  about: 'a run of three steps from start to end, beside Temporal workflows written by hand on the same server',
  async run(surroundings) {
    const fleet = await surroundings.fleet();
    const url = fleet.farSide.targetUrl;
    const inLane = await haveWorkflow(fleet);
    const atTemporal = await haveWorkflow(fleet, 'temporal');
    const bare = await startBareWorkflows(surroundings.config.environment, {
      temporalAddress: fleet.temporalAddress,
      targetUrl: url,
    });
    const callers = openCallers(fleet.url, concurrency, { authorization: `Bearer ${fleet.apiKey}` });
    const pids = await fleet.pids();
    try {
      return await compared(surroundings, {
        name: 'workflow-runs',
        pids: { ...pids, 'bare worker': bare.workerPid, 'far side': fleet.farSide.pid, 'load generator': process.pid },
        own: {
          'flotilla, fast lane': (caller) => runToEnd(callers, caller, { workflowId: inLane, url }),
          'flotilla at Temporal': (caller) => runToEnd(callers, caller, { workflowId: atTemporal, url }),
        },
        bare: { 'bare, three local activities': bare.threeSteps, 'bare, empty': bare.empty },
        settled: () => fleet.settled(),
        profiled: pids['workflow'] ?? 0,
        notes: [
          'Three steps: a request to a server outside, a decision, a second request. Flotilla journals each of them with its undo before it is taken, acts by a stored grant, and streams the progress to the caller.',
          'Flotilla is asked through the gateway, with everything that a run causes in the fleet: authentication, events, captured changes, audit. A bare workflow is asked at Temporal.',
        ],
      });
    } finally {
      await bare.stop();
      await callers.close();
    }
  },
};

/** Starts a run and follows it to its end, as a client would. */
async function runToEnd(
  callers: Callers,
  caller: number,
  { workflowId, url }: { readonly workflowId: string; readonly url: string },
): Promise<void> {
  const started = JSON.parse(
    await callers.post(caller, `/v1/workflows/${workflowId}:start`, JSON.stringify({ input: { url } })),
  ) as {
    id: string;
  };
  const events = await callers.stream(caller, `/v1/instances/${started.id}:watch`);
  if (!events.includes('INSTANCE_STATUS_COMPLETED')) throw new Error(`a run did not complete: ${events.slice(-500)}`);
}
