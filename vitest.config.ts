import { defineConfig } from 'vitest/config';

/** Unit tests lie beside the sources and need no server; everything in a `test` folder runs against the servers that `./flotilla test` started. */
const exclude = ['.flotilla/**', '**/node_modules/**', '**/dist/**', '**/fixtures/**'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{libs,services,deploy,cli,demo,bench,drill,proto,lint,scaffold}/**/src/**/*.test.ts',
            '{deploy,cli}/**/*.unit.test.ts',
          ],
          exclude,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['{libs,services,deploy,cli,demo,bench,proto}/**/test/**/*.test.ts'],
          exclude: [...exclude, '**/test/{faults,mutants,end-to-end}/**', '**/*.unit.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'faults',
          include: ['**/test/{faults,mutants}/**/*.test.ts'],
          exclude,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'end-to-end',
          include: ['**/test/end-to-end/**/*.test.ts'],
          exclude,
          globalSetup: ['fleet-tests/test/end-to-end/global-setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
