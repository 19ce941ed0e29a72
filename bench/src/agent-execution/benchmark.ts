import type { Benchmark, Report, Surroundings, Table } from '../benchmark.ts';
import type { BenchFleet } from '../fleet/bench-fleet.ts';
import { openCallers, request } from '../fleet/rest.ts';
import { closedLoop, type Load } from '../measure/closed-loop.ts';
import { hotSpots } from '../measure/hot-spots.ts';
import { cpuBetween, usageOf } from '../measure/process-usage.ts';
import { alternate, ratios } from '../measure/rounds.ts';
import { medianOf } from '../measure/statistics.ts';
import { shown, shownSpread } from '../report.ts';
import { type BareProgram, startBareProgram } from './bare-program.ts';

const rounds = 3;
const secondsEach = 4;
const warmUpSeconds = 2;
const concurrencies = [1, 16, 64];
const prompt = 'Is all well?';

/** One measurement: what callers saw, and what each process spent on it. */
interface Measured {
  readonly load: Load;
  readonly cpuMs: Readonly<Record<string, number>>;
}

export const agentExecution: Benchmark = {
  name: 'agent-execution',
  about: 'POST /v1/agents/{id}:execute beside a bare Fastify → gRPC → SQL program with the same rows',
  async run(surroundings) {
    const fleet = await surroundings.fleet();
    const agentId = await haveAgent(fleet);
    const bare = await startBareProgram(surroundings.config, fleet);
    try {
      const found: [number, Record<string, Measured[]>][] = [];
      for (const concurrency of concurrencies) {
        surroundings.say(`agent-execution with ${concurrency} callers`);
        found.push([concurrency, await compare(surroundings, { fleet, agentId, bare, concurrency })]);
      }
      const tables = surroundings.profile ? await profiles(surroundings, fleet, agentId) : [];
      return report(found, tables);
    } finally {
      await bare.stop();
    }
  },
};

interface Comparison {
  readonly fleet: BenchFleet;
  readonly agentId: string;
  readonly bare: BareProgram;
  readonly concurrency: number;
}

async function compare({ scale }: Surroundings, { fleet, agentId, bare, concurrency }: Comparison) {
  const pids = { ...(await fleet.pids()), ...bare.pids, 'far side': fleet.farSide.pid, 'load generator': process.pid };
  const product = openCallers(fleet.url, concurrency, { authorization: `Bearer ${fleet.apiKey}` });
  const baseline = openCallers(bare.url, concurrency, { authorization: `Bearer ${bare.token}` });
  const body = JSON.stringify({ prompt });
  const ask = {
    flotilla: async (caller: number) => checked(await product.post(caller, `/v1/agents/${agentId}:execute`, body)),
    bare: async (caller: number) => checked(await baseline.post(caller, `/v1/agents/${bare.agentId}:execute`, body)),
  };
  const measure = (side: keyof typeof ask) => async (round: number) => {
    if (round === 0) await closedLoop({ concurrency, seconds: warmUpSeconds * scale }, ask[side]);
    await fleet.settled();
    const before = usageOf(pids);
    const load = await closedLoop({ concurrency, seconds: secondsEach * scale }, ask[side]);
    // What the execution still causes afterwards (events, audit) is its cost too.
    await fleet.settled();
    return { load, cpuMs: cpuBetween(before, usageOf(pids)) };
  };
  try {
    return await alternate<Measured>(rounds, { flotilla: measure('flotilla'), bare: measure('bare') });
  } finally {
    await Promise.all([product.close(), baseline.close()]);
  }
}

/** An execution that did not complete is a failure, whatever the status of the call. */
function checked(reply: string): void {
  if (!reply.includes('EXECUTION_STATUS_COMPLETED')) throw new Error(reply.slice(0, 300));
}

async function haveAgent(fleet: BenchFleet): Promise<string> {
  const known = (await request(fleet, 'GET', '/v1/agents?slug=bench')) as { agents?: { id: string }[] };
  if (known.agents?.[0] !== undefined) return known.agents[0].id;
  const content = { provider: 'openai-compatible', model: 'scripted', systemPrompt: 'You answer in one sentence.' };
  const agent = await request(fleet, 'POST', '/v1/agents', { name: 'Bench', slug: 'bench', ...content });
  return String(agent['id']);
}

async function profiles({ scale }: Surroundings, fleet: BenchFleet, agentId: string): Promise<Table[]> {
  const callers = openCallers(fleet.url, 16, { authorization: `Bearer ${fleet.apiKey}` });
  const body = JSON.stringify({ prompt });
  const pids = await fleet.pids();
  const tables: Table[] = [];
  try {
    for (const name of ['gateway', 'llm-agent']) {
      const { rows } = await hotSpots(pids[name] ?? 0, async () => {
        await closedLoop({ concurrency: 16, seconds: secondsEach * scale }, async (caller) =>
          checked(await callers.post(caller, `/v1/agents/${agentId}:execute`, body)),
        );
      });
      tables.push({
        title: `where ${name} spends its time (16 callers)`,
        columns: ['package or file', 'share %'],
        rows,
      });
    }
  } finally {
    await callers.close();
  }
  return tables;
}

function report(found: readonly [number, Record<string, Measured[]>][], profiled: readonly Table[]): Report {
  const sides = ['flotilla', 'bare'] as const;
  const rows = found.flatMap(([concurrency, measured]) =>
    sides.map((side) => {
      const loads = (measured[side] ?? []).map(({ load }) => load);
      const median = (figure: (load: Load) => number) => shownSpread(loads.map(figure));
      return [
        `${side}, ${concurrency} callers`,
        median(({ perSecond }) => perSecond),
        median(({ p50Ms }) => p50Ms),
        median(({ p99Ms }) => p99Ms),
        loads.reduce((sum, { failures }) => sum + failures, 0),
      ];
    }),
  );
  const compared = found.map(([concurrency, measured]) => {
    const ratio = (figure: (load: Load) => number) => shownSpread(ratios(measured, sides, ({ load }) => figure(load)));
    return [
      `${concurrency} callers`,
      ratio(({ perSecond }) => perSecond),
      ratio(({ p50Ms }) => p50Ms),
      ratio(({ p99Ms }) => p99Ms),
    ];
  });
  const failure = found.flatMap(([, measured]) => Object.values(measured).flat()).find(({ load }) => load.failure);
  return {
    tables: [
      { title: 'flotilla over bare', columns: ['', 'rate', 'p50', 'p99'], rows: compared },
      { title: 'median of the rounds (least to most)', columns: ['', 'req/s', 'p50 ms', 'p99 ms', 'failures'], rows },
      cpuTable(found),
      ...profiled,
    ],
    notes: [
      'Both write the same rows on the same Postgres server and ask the same scripted provider. Only Flotilla has authentication by token exchange, permissions, validation, row-level security, a relay to the broker and an audit log that consumes every event.',
      'Processor time counts until the audit service has everything; the load generator runs on the same cores.',
      ...(failure?.load.failure === undefined ? [] : [`first failure: ${failure.load.failure}`]),
    ],
  };
}

/** Processor milliseconds per execution in each process that has a share. */
function cpuTable(found: readonly [number, Record<string, Measured[]>][]): Table {
  const columns = found.flatMap(([concurrency]) => [`flotilla ${concurrency}`, `bare ${concurrency}`]);
  const names = [...new Set(found.flatMap(([, { flotilla = [] }]) => Object.keys(flotilla[0]?.cpuMs ?? {})))];
  const perExecution = (measured: readonly Measured[] | undefined, name: string) =>
    medianOf((measured ?? []).map(({ load, cpuMs }) => (cpuMs[name] ?? 0) / Math.max(1, load.count)));
  const rows = names.map((name) => ({
    name,
    figures: found.flatMap(([, { flotilla, bare }]) => [perExecution(flotilla, name), perExecution(bare, name)]),
  }));
  const busy = rows.filter(({ figures }) => figures.some((figure) => figure >= 0.02));
  const total = columns.map((_, column) => rows.reduce((sum, { figures }) => sum + (figures[column] ?? 0), 0));
  const shownRows = [...busy, { name: 'all', figures: total }].map(({ name, figures }) => [
    name,
    ...figures.map(shown),
  ]);
  return { title: 'processor ms per execution', columns: ['process', ...columns], rows: shownRows };
}
