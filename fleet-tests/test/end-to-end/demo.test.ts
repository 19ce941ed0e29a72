import { expect, inject, test } from 'vitest';
import { flotilla } from './flotilla.ts';

interface DemoDocument {
  readonly runs: readonly {
    readonly status: string;
    readonly compensation: string;
    readonly steps: readonly { readonly id: string; readonly status: string; readonly attempts: number }[];
    readonly compensations: readonly { readonly stepId: string; readonly status: string }[];
    readonly notifications: number;
    readonly auditEvents: number;
  }[];
  readonly tracker: Readonly<Record<'opened' | 'published' | 'withdrawn' | 'duplicates' | 'orphans', number>>;
  readonly audit: { readonly events: number; readonly hashMismatches: number };
  readonly faults: readonly string[];
}

/** The command fails the test when it does not exit with 0. */
async function demo(...argv: readonly string[]): Promise<DemoDocument> {
  const printed = await flotilla(inject('fleetSite'), 'demo', '--json', ...argv);
  return JSON.parse(printed.trimEnd().split('\n').at(-1) ?? '') as DemoDocument;
}

function expectAllWell({ runs, tracker, audit, faults }: DemoDocument): void {
  expect(faults).toEqual([]);
  expect(runs.length).toBeGreaterThanOrEqual(4);
  // The run that was retried has opened its record twice, and withdrawn it in between.
  expect(tracker).toMatchObject({ opened: runs.length + 1, duplicates: 0, orphans: 0 });
  expect(tracker.withdrawn).toBe(runs.filter(({ status }) => status === 'failed').length + 1);
  expect(audit.hashMismatches).toBe(0);
  expect(audit.events).toBe(runs.reduce((sum, { auditEvents }) => sum + auditEvents, 0));
  for (const run of runs) {
    expect(['completed', 'failed']).toContain(run.status);
    // What the run that was retried had done at first was undone, too.
    const isRetried = run.steps.filter(({ id }) => id === 'open').length > 1;
    expect(run.compensation).toBe(run.status === 'completed' && !isRetried ? 'none' : 'complete');
    expect(run.notifications).toBeGreaterThan(0);
  }
  // The locked record: whatever the model said, this run was undone, the latest effect first.
  const locked = runs.at(-1);
  expect(locked).toMatchObject({ status: 'failed', compensation: 'complete' });
  expect(locked?.compensations.at(-1)).toEqual({ stepId: 'open', status: 'completed' });
}

test('the demo runs release watch with the real small model, and all is as it should be', async () => {
  expectAllWell(await demo());
});

test('with workflow killed between effect and journal in every run, each effect still happens once', async () => {
  const document = await demo('--kill', 'workflow');
  expectAllWell(document);
  for (const { steps } of document.runs) expect(steps.find(({ id }) => id === 'open')?.attempts).toBeGreaterThan(1);
});
