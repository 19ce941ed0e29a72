import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readDrillConfig } from './config.ts';
import { mutants } from './mutants/mutants.ts';
import { printed } from './print.ts';
import { drillSagas } from './sagas/drill.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '500' },
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    replicas: { type: 'string', default: '2' },
    mutant: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const mutant = mutants.find(({ name }) => name === values.mutant);
const numbers = [values.runs, values.kills, values.seed, values.replicas].map(Number);
const [runs = 0, kills = 0, seed = 0, replicas = 1] = numbers;
const isSense =
  positionals.length === 1 &&
  positionals[0] === 'sagas' &&
  numbers.every((number) => Number.isInteger(number) && number >= 0) &&
  (values.mutant === undefined || mutant !== undefined);

if (values.help || !isSense) {
  process.stderr.write(usage());
  process.exitCode = values.help ? 0 : 2;
} else {
  const config = readDrillConfig();
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  const began = performance.now();
  const say = (line: string) =>
    process.stderr.write(`${String(Math.round((performance.now() - began) / 1000)).padStart(5)} s  ${line}\n`);
  say(`seed ${seed}${mutant === undefined ? '' : `, with a fault in the product: ${mutant.about}`}`);
  const report = await drillSagas(config, { runs, kills, seed, replicas, mutant }, say);
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : printed(report));
  process.exitCode = report.findings.length === 0 ? 0 : 1;
}

function usage(): string {
  return [
    'usage: ./flotilla drill sagas [--runs N] [--kills K] [--seed S] [--replicas R] [--mutant NAME] [--json]',
    '  Starts runs of every kind in a fleet of its own, kills and pauses its processes and cuts their connections,',
    '  and compares what the stores say afterwards. Ends with 1 when two of them contradict each other.',
    '  --runs, --kills  how many (500, 100)',
    '  --seed           draws the same runs and faults again',
    '  --mutant         puts a fault into a copy of the product first, which the drill must find:',
    ...mutants.map(({ name, about }) => `                   ${name}: ${about}`),
    '',
  ].join('\n');
}
