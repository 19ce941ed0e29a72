import { setTimeout as delay } from 'node:timers/promises';
import type { Benchmark } from './benchmark.ts';
import { cpuBetween, usageOf } from './measure/process-usage.ts';
import { shown } from './report.ts';

const seconds = 60;
const restSeconds = 5;
const megabyte = 1024 * 1024;

export const idle: Benchmark = {
  name: 'idle',
  about: 'what the fleet uses while nobody asks it anything',
  async run({ scale, say, fleet }) {
    const running = await fleet();
    const pids = await running.pids();
    await running.settled();
    await delay(restSeconds * 1000);
    say('idle: watching');
    const before = usageOf(pids);
    const began = performance.now();
    await delay(seconds * scale * 1000);
    const elapsedMs = performance.now() - began;
    const after = usageOf(pids, { memory: true });
    const shares = Object.entries(cpuBetween(before, after)).map(([name, cpuMs]) => ({
      name,
      share: (100 * cpuMs) / elapsedMs,
      megabytes: (after[name]?.memoryBytes ?? 0) / megabyte,
    }));
    const total = { name: 'all', share: sumOf(shares, 'share'), megabytes: sumOf(shares, 'megabytes') };
    const rows = [...shares, total].map(({ name, share, megabytes }) => [
      name,
      shown(share),
      String(Math.round(megabytes)),
    ]);
    return {
      tables: [{ title: `over ${Math.round(elapsedMs / 1000)} s`, columns: ['process', '% of one core', 'MB'], rows }],
      notes: [
        'Children count with their process; pages that several share count once, in parts. The supervisor is not in it.',
        'Memory is what the processes hold when this runs: after the other benchmarks where these ran before.',
      ],
    };
  },
};

function sumOf<Key extends string>(rows: readonly Readonly<Record<Key, number>>[], key: Key): number {
  return rows.reduce((sum, row) => sum + row[key], 0);
}
