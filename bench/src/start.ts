import type { Benchmark } from './benchmark.ts';
import { shown } from './report.ts';

const rounds = 2;

export const start: Benchmark = {
  name: 'start',
  about: 'time of ./flotilla down and of the ./flotilla up after it',
  async run({ say, fleet }) {
    const running = await fleet();
    const rows: [string, string, string][] = [];
    for (let round = 1; round <= rounds; round += 1) {
      say(`start: round ${round}`);
      const downS = await secondsOf(() => running.command('down'));
      const upS = await secondsOf(() => running.command('up'));
      rows.push([`round ${round}`, shown(downS), shown(upS)]);
    }
    return {
      tables: [{ title: 'seconds', columns: ['', 'down', 'up'], rows }],
      notes: [
        'Until every process says that it is ready; installed parts, bundles, data and compiled code are there already.',
      ],
    };
  },
};

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
