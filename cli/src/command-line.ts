import { Command, InvalidArgumentError } from 'commander';
import { bench, drill } from './commands/beside.ts';
import { check } from './commands/check.ts';
import { demo } from './commands/demo.ts';
import { dev } from './commands/dev.ts';
import { doctor } from './commands/doctor.ts';
import { down } from './commands/down.ts';
import { administratorKey } from './commands/key.ts';
import { logs } from './commands/logs.ts';
import { order } from './commands/order.ts';
import { psql } from './commands/psql.ts';
import { reset } from './commands/reset.ts';
import { status } from './commands/status.ts';
import { test } from './commands/test.ts';
import { up } from './commands/up.ts';
import type { CliConfig } from './config.ts';
import { rememberedWish } from './plan.ts';
import { whereToLook } from './where-to-look.ts';

/** Every command with its options. */
export function commandLine(config: CliConfig): Command {
  const flotilla = new Command('flotilla')
    .description('Runs, shows and tests the fleet on this machine.')
    .showHelpAfterError()
    .enablePositionalOptions();
  const exitWith = (code: number) => {
    process.exitCode = code;
  };

  flotilla
    .command('up')
    .description('start the fleet, or repair it')
    .option('--replicas <number>', 'how many of each service', wholeNumber)
    .action(async (options: { replicas?: number }) => {
      const replicas = options.replicas ?? rememberedWish(config).replicas;
      await up(config, { replicas, fromSources: false });
      process.stdout.write(whereToLook(config));
    });
  flotilla
    .command('down')
    .description('end the fleet; its data stays')
    .action(() => down(config));
  flotilla
    .command('status')
    .description('every process with its health, port, memory and restarts')
    .option('--json', 'as JSON', false)
    .action(async (options: { json: boolean }) => exitWith(await status(config, options)));
  flotilla
    .command('logs')
    .description('what processes logged')
    .argument('[process...]')
    .option('-f, --follow', 'go on as it is written', false)
    .option('-n, --lines <number>', 'how many lines of each', '40')
    .action(async (names: string[], options: { follow: boolean; lines: string }) =>
      exitWith(await logs(config, names, options)),
    );
  flotilla
    .command('key')
    .description("print the administrator's API key of this fleet")
    .action(() => {
      process.stdout.write(`${administratorKey(config)}\n`);
    });
  flotilla
    .command('demo')
    .description('run a real job through the fleet')
    .argument('[options...]', 'see: ./flotilla demo --help')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(async (argv: string[]) => exitWith(await demo(config, argv)));
  flotilla
    .command('test')
    .description('run the tests on servers of their own')
    .argument('[filter...]', 'only files whose path contains one of these')
    .option('--project <name...>', 'unit, integration, faults or end-to-end', [])
    .action(async (filters: string[], options: { project: string[] }) =>
      exitWith(await test(config, filters, { projects: options.project })),
    );
  flotilla
    .command('bench')
    .description('measure the fleet beside bare programs that do the same work, on servers of their own')
    .argument('[options...]', 'see: ./flotilla bench --help')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(async (argv: string[]) => exitWith(await bench(config, argv)));
  flotilla
    .command('drill')
    .description('break a fleet of its own under work, and compare what its stores say afterwards')
    .argument('[options...]', 'see: ./flotilla drill --help')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(async (argv: string[]) => exitWith(await drill(config, argv)));
  flotilla
    .command('check')
    .description('build, generated files, lint and types')
    .action(async () => exitWith(await check(config)));
  flotilla
    .command('dev')
    .description('run services from their sources, and again when these change')
    .action(() => dev(config));
  flotilla
    .command('psql')
    .description("open psql on a service's database")
    .argument('<database>')
    .argument('[arguments...]', 'for psql, after --')
    .action(async (name: string, argv: string[]) => exitWith(await psql(config, name, argv)));
  flotilla
    .command('reset')
    .description('end the fleet and forget its data')
    .option('-y, --yes', 'do not ask', false)
    .action((options: { yes: boolean }) => reset(config, options));
  flotilla
    .command('doctor')
    .description('look for what would keep the fleet from running')
    .action(async () => exitWith(await doctor(config)));

  // For fault drills.
  for (const what of ['kill', 'restart', 'hold', 'release'] as const) {
    flotilla
      .command(what, { hidden: true })
      .argument('<process>')
      .option('--signal <name>')
      .action((name: string, options: { signal?: NodeJS.Signals }) => order(config, what, name, options.signal));
  }
  return flotilla;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 5) throw new InvalidArgumentError('A whole number from 1 to 5.');
  return value;
}
