import { commandLine } from './command-line.ts';
import { loadConfig } from './config.ts';

try {
  await commandLine(loadConfig()).parseAsync();
} catch (problem) {
  process.stderr.write(`\nflotilla: ${problem instanceof Error ? problem.message : String(problem)}\n`);
  process.exitCode = 1;
}
