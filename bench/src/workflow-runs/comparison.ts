import type { Report, Surroundings } from '../benchmark.ts';
import { closedLoop, type Load } from '../measure/closed-loop.ts';
import { hotSpots } from '../measure/hot-spots.ts';
import { cpuTable, type Measured } from '../measure/measured.ts';
import { cpuBetween, usageOf } from '../measure/process-usage.ts';
import { alternate, ratios } from '../measure/rounds.ts';
import { shown, shownSpread } from '../report.ts';

const rounds = 3;
const secondsEach = 6;
/** Enough that the services are compiled: they run for days. */
const warmUpSeconds = 8;
const profileSeconds = 6;
/** Callers at once. */
export const concurrency = 8;

/** Ways to have a run done, by name: each is asked by callers who wait for the end of it. */
export interface Comparison {
  readonly name: string;
  readonly pids: Readonly<Record<string, number>>;
  readonly own: Readonly<Record<string, (caller: number) => Promise<void>>>;
  readonly bare: Readonly<Record<string, (caller: number) => Promise<void>>>;
  /** Waits until everything that runs caused is done. */
  settled(): Promise<void>;
  /** The process that is looked into where that is wanted. */
  readonly profiled: number;
  readonly notes: readonly string[];
}

/** Measures each side, and says what the own ones are beside the bare ones. */
export async function compared(surroundings: Surroundings, comparison: Comparison): Promise<Report> {
  const { scale, say, profile } = surroundings;
  const { name, pids, own, bare, settled, profiled } = comparison;
  const measure =
    (side: string, ask: (caller: number) => Promise<void>) =>
    async (round: number): Promise<Measured> => {
      say(`${name}: round ${round + 1} of ${side}`);
      if (round === 0) await closedLoop({ concurrency, seconds: warmUpSeconds * scale }, ask);
      await settled();
      const before = usageOf(pids);
      const load = await closedLoop({ concurrency, seconds: secondsEach * scale }, ask);
      await settled();
      return { load, cpuMs: cpuBetween(before, usageOf(pids)) };
    };
  const sides = Object.entries({ ...own, ...bare });
  const found = await alternate<Measured>(
    rounds,
    Object.fromEntries(sides.map(([side, ask]) => [side, measure(side, ask)])),
  );
  const report = toReport(found, Object.keys(own), Object.keys(bare));
  const spots = [];
  for (const [side, ask] of profile ? Object.entries(own) : []) {
    say(`${name}: looking into ${side}`);
    const work = async () => void (await closedLoop({ concurrency, seconds: profileSeconds * scale }, ask));
    const { rows } = await hotSpots(profiled, work);
    const title = `busy time of the main thread of the workflow service, ${side}`;
    spots.push({ title, columns: ['', '%'], rows: rows.map(([place, share]) => [place, shown(share)]) });
  }
  return { tables: [...report.tables, ...spots], notes: [...comparison.notes, ...report.notes] };
}

function toReport(
  found: Readonly<Record<string, Measured[]>>,
  own: readonly string[],
  bare: readonly string[],
): Report {
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
  const beside = own.flatMap((side) =>
    bare.map((other) => [
      `${side} over ${other}`,
      shownSpread(ratios(found, [side, other], ({ load }) => load.perSecond)),
      shownSpread(ratios(found, [side, other], ({ load }) => load.p50Ms)),
    ]),
  );
  const failure = Object.values(found)
    .flat()
    .find(({ load }) => load.failure)?.load.failure;
  return {
    tables: [
      { title: `ratios (${concurrency} callers)`, columns: ['', 'rate', 'time to finish'], rows: beside },
      { title: 'median of the rounds (least to most)', columns: ['', 'runs/s', 'p50 ms', 'p99 ms', 'failures'], rows },
      cpuTable('processor ms per run', [found]),
    ],
    notes: failure === undefined ? [] : [`first failure: ${failure}`],
  };
}
