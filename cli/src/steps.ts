import { Listr, ListrLogger, PRESET_TIMER, ProcessOutput } from 'listr2';

/** One step of a longer piece of work. */
export interface Step {
  readonly title: string;
  /** `show` gives what happens now, in one line. */
  readonly run: (show: (line: string) => void) => Promise<void>;
}

/**
 * Runs steps, one after the other or all at once, and shows on standard error which are under way, which are done and how
 * long they took: live on a terminal, otherwise one line for each.
 * @throws the first problem; of the others only the first line is shown
 */
export async function runSteps(steps: readonly Step[], { concurrent = false } = {}): Promise<void> {
  const terminal = process.stderr.isTTY && process.stderr.columns >= 40;
  const problems: unknown[] = [];
  const tasks = steps.map(({ title, run }) => ({
    title,
    task: async (_: unknown, shown: { output: string }) => {
      const began = performance.now();
      const tell = (outcome: string) => {
        const seconds = ((performance.now() - began) / 1000).toFixed(1);
        if (!terminal) process.stderr.write(`${outcome.padEnd(6)} ${seconds.padStart(6)} s  ${title}\n`);
      };
      try {
        await run((line) => {
          shown.output = line;
        });
        tell('done');
      } catch (problem) {
        problems.push(problem);
        tell('FAILED');
        throw new Error(problem instanceof Error ? (problem.message.split('\n')[0] ?? '') : String(problem));
      }
    },
  }));
  const logger = new ListrLogger({ useIcons: true, toStderr: [], processOutput: new ProcessOutput(process.stderr) });
  const list = new Listr(tasks, {
    concurrent,
    exitOnError: !concurrent,
    renderer: terminal ? 'default' : 'silent',
    rendererOptions: terminal ? { timer: PRESET_TIMER, collapseErrors: false, logger } : {},
  });
  await list.run().catch(() => undefined);
  if (problems.length > 0) throw problems[0];
}
