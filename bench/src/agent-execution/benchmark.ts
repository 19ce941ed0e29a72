import type { Benchmark, Report, Surroundings, Table } from '../benchmark.ts';
import type { BenchFleet } from '../fleet/bench-fleet.ts';
import { openCallers, request } from '../fleet/rest.ts';
import { closedLoop, type Load } from '../measure/closed-loop.ts';
import { hotSpots } from '../measure/hot-spots.ts';
import { cpuTable, type Measured } from '../measure/measured.ts';
import { cpuBetween, usageOf } from '../measure/process-usage.ts';
import { alternate, ratios } from '../measure/rounds.ts';
import { shownSpread } from '../report.ts';
import { type BareProgram, startBareProgram } from './bare-program.ts';

const rounds = 3;
const secondsEach = 4;
const warmUpSeconds = 4;
/** A single caller would measure code that is hardly compiled yet. */
const warmUpCallers = 16;
const concurrencies = [1, 16, 64];
const prompt = 'Is all well?';

export const agentExecution: Benchmark = {
  name: 'agent-execution',
  about: 'POST /v1/agents/{id}:execute beside a bare Fastify → gRPC → SQL program with the same rows',
  async run(surroundings) {
    const fleet = await surroundings.fleet();
    const agentId = await haveAgent(fleet);
    await haveBudget(fleet);
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
  const callers = Math.max(concurrency, warmUpCallers);
  const product = openCallers(fleet.url, callers, { authorization: `Bearer ${fleet.apiKey}` });
  const baseline = openCallers(bare.url, callers, { authorization: `Bearer ${bare.apiKey}` });
  const body = JSON.stringify({ prompt });
  const ask = {
    flotilla: async (caller: number) => checked(await product.post(caller, `/v1/agents/${agentId}:execute`, body)),
    bare: async (caller: number) => checked(await baseline.post(caller, `/v1/agents/${bare.agentId}:execute`, body)),
  };
  const measure = (side: keyof typeof ask) => async (round: number) => {
    if (round === 0) await closedLoop({ concurrency: callers, seconds: warmUpSeconds * scale }, ask[side]);
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

/** Far above what is used, for the whole tenant: each call reserves and settles. */
async function haveBudget(fleet: BenchFleet): Promise<void> {
  const known = (await request(fleet, 'GET', '/v1/budgets')) as { budgets?: unknown[] };
  if ((known.budgets ?? []).length > 0) return;
  await request(fleet, 'POST', '/v1/budgets', {
    level: 'BUDGET_LEVEL_TENANT',
    period: 'BUDGET_PERIOD_TOTAL',
    limitTokens: '1000000000000000',
  });
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
        columns: ['package', 'share %'],
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
      cpuTable(
        'processor ms per execution',
        found.map(([concurrency, measured]) =>
          Object.fromEntries(Object.entries(measured).map(([side, each]) => [`${side} ${concurrency}`, each])),
        ),
      ),
      ...profiled,
    ],
    notes: [
      'Both write the same rows on the same Postgres server, ask the same scripted provider, check a key, a token and a permission, and reserve and settle a budget. Only Flotilla has validation, row-level security, a relay to the broker, and consumers of every event: audit, which writes its lines by them, notification and workflow.',
      'Processor time counts until the audit service has everything; the load generator runs on the same cores.',
      ...(failure?.load.failure === undefined ? [] : [`first failure: ${failure.load.failure}`]),
    ],
  };
}
