import { randomUUID } from 'node:crypto';
import { Connection, Client as TemporalClient } from '@temporalio/client';
import type { Benchmark, Report, Surroundings } from '../benchmark.ts';
import { type Child, startChild } from '../child.ts';
import { type Callers, openCallers } from '../fleet/rest.ts';
import { closedLoop, type Load } from '../measure/closed-loop.ts';
import { cpuTable, type Measured } from '../measure/measured.ts';
import { cpuBetween, usageOf } from '../measure/process-usage.ts';
import { alternate, ratios } from '../measure/rounds.ts';
import { shownSpread } from '../report.ts';
import type { WorkerCalls } from './bare-worker.ts';
import { haveWorkflow } from './definition.ts';

const rounds = 3;
const secondsEach = 6;
const warmUpSeconds = 3;
const concurrency = 8;
const taskQueue = 'bench';
const sides = {
  lane: 'flotilla, fast lane',
  flotilla: 'flotilla at Temporal',
  three: 'bare, three local activities',
  empty: 'bare, empty',
} as const;

export const workflowRuns: Benchmark = {
  name: 'workflow-runs',
  about: 'a run of three steps from start to end, beside Temporal workflows written by hand on the same server',
  async run(surroundings) {
    const fleet = await surroundings.fleet();
    const inLane = await haveWorkflow(fleet);
    const atTemporal = await haveWorkflow(fleet, 'temporal');
    const callers = openCallers(fleet.url, concurrency, { authorization: `Bearer ${fleet.apiKey}` });
    const worker: Child<WorkerCalls> = startChild(
      new URL('bare-worker.ts', import.meta.url),
      surroundings.config.environment,
    );
    const connection = await Connection.connect({ address: fleet.temporalAddress });
    try {
      await worker.call('start', { address: fleet.temporalAddress, taskQueue });
      const { workflow } = new TemporalClient({ connection });
      const url = fleet.farSide.targetUrl;
      const bare = (type: string, args: readonly string[]) => async () => {
        await workflow.execute(type, { taskQueue, workflowId: randomUUID(), args: [...args] });
      };
      const pids = {
        ...(await fleet.pids()),
        'bare worker': worker.pid,
        'far side': fleet.farSide.pid,
        'load generator': process.pid,
      };
      const measure = measuring(surroundings, pids, () => fleet.settled());
      const found = await alternate<Measured>(rounds, {
        [sides.lane]: measure(sides.lane, (caller) => runToEnd(callers, caller, { workflowId: inLane, url })),
        [sides.flotilla]: measure(sides.flotilla, (caller) =>
          runToEnd(callers, caller, { workflowId: atTemporal, url }),
        ),
        [sides.three]: measure(sides.three, bare('threeStepRun', [url])),
        [sides.empty]: measure(sides.empty, bare('emptyRun', [])),
      });
      return report(found);
    } finally {
      await worker.stop();
      await connection.close();
      await callers.close();
    }
  },
};

function measuring({ scale, say }: Surroundings, pids: Readonly<Record<string, number>>, settled: () => Promise<void>) {
  return (side: string, ask: (caller: number) => Promise<void>) =>
    async (round: number): Promise<Measured> => {
      say(`workflow-runs: round ${round + 1} of ${side}`);
      if (round === 0) await closedLoop({ concurrency, seconds: warmUpSeconds * scale }, ask);
      await settled();
      const before = usageOf(pids);
      const load = await closedLoop({ concurrency, seconds: secondsEach * scale }, ask);
      await settled();
      return { load, cpuMs: cpuBetween(before, usageOf(pids)) };
    };
}

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

function report(found: Readonly<Record<string, Measured[]>>): Report {
  const rows = Object.entries(found).map(([name, measured]) => {
    const spread = (figure: (load: Load) => number) => shownSpread(measured.map(({ load }) => figure(load)));
    return [
      name,
      spread(({ perSecond }) => perSecond),
      spread(({ p50Ms }) => p50Ms),
      spread(({ p99Ms }) => p99Ms),
      measured.reduce((sum, { load }) => sum + load.failures, 0),
    ];
  });
  const compared = [sides.flotilla, sides.lane].flatMap((own) =>
    [sides.three, sides.empty].map((other) => [
      `${own} over ${other}`,
      shownSpread(ratios(found, [own, other], ({ load }) => load.perSecond)),
      shownSpread(ratios(found, [own, other], ({ load }) => load.p50Ms)),
    ]),
  );
  const failure = Object.values(found)
    .flat()
    .find(({ load }) => load.failure)?.load.failure;
  return {
    tables: [
      { title: `ratios (${concurrency} callers)`, columns: ['', 'rate', 'time to finish'], rows: compared },
      { title: 'median of the rounds (least to most)', columns: ['', 'runs/s', 'p50 ms', 'p99 ms', 'failures'], rows },
      cpuTable('processor ms per run', [found]),
    ],
    notes: [
      'Three steps: a request to a server outside, a decision, a second request. Flotilla journals each of them with its undo before it is taken, acts by a stored grant, and streams the progress to the caller.',
      ...(failure === undefined ? [] : [`first failure: ${failure}`]),
    ],
  };
}
