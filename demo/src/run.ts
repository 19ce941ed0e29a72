import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ReleaseNote } from './changelogs.ts';
import type { DemoConfig } from './config.ts';
import type { Json, RestClient } from './rest-client.ts';
import { type RunReport, reportRun, word } from './run-report.ts';
import type { DemoSetUp } from './set-up.ts';
import type { TrackerClient } from './tracker-client.ts';

const execute = promisify(execFile);
/** How long the tracker keeps its answer back at most, so that the process is killed while the effect has happened and nobody knows. */
const holdMs = 25_000;
const ownerEmail = 'admin@flotilla.example';

/** What a run needs from outside. */
export interface RunSurroundings {
  readonly config: DemoConfig;
  readonly client: RestClient;
  readonly tracker: TrackerClient;
  readonly setUp: DemoSetUp;
  /** The process to kill in every run. */
  readonly kill: string | undefined;
  readonly say: (line: string) => void;
}

/** One run of the workflow. */
export interface RunWish {
  readonly note: ReleaseNote;
  /** Somebody locks the record after it was opened. */
  readonly locked: boolean;
  /** The agent's budget is used up when the run comes to it; the run is retried when the budget is raised. */
  readonly broke: boolean;
  readonly idempotencyKey: string;
}

/** Starts a run, follows it to its end, and collects what is known about it. */
export async function performRun(
  around: RunSurroundings,
  { note, locked, broke, idempotencyKey }: RunWish,
): Promise<RunReport> {
  const { client, tracker, setUp, config, say } = around;
  const remark = locked ? ' (its record gets locked)' : broke ? ' (its agent has no budget left)' : '';
  const title = `${note.package} ${note.version}${remark}`;
  say(`\n▸ ${title}`);
  if (around.kill !== undefined) await tracker.inMood({ on: 'open', action: 'hold', ms: holdMs });
  const budget = broke ? await useUpBudget(client, setUp.agentId) : undefined;
  const input = { ...note, trackerUrl: config.trackerUrl, scoringModelId: setUp.scoringModelId, ownerEmail };
  const instance = await client.post(`/v1/workflows/${setUp.workflowId}:start`, { input }, idempotencyKey);
  const id = String(instance['id']);

  const killing = around.kill === undefined ? Promise.resolve() : killAfterOpen(around, around.kill, id);
  let locking: Promise<void> = Promise.resolve();
  let signing: Promise<void> = Promise.resolve();
  let cursor = '0';
  const onUpdate = (update: Json) => {
    cursor = String(update['cursor']);
    say(`    ${progress(update)}`);
    const what = `${update['kind']} ${update['stepId']}`;
    if (locked && what === 'step_completed open') locking = lockRecord(tracker, id);
    if (what === 'step_started sign_off') signing = signOff(around, id);
  };
  await client.follow(`/v1/instances/${id}:watch`, onUpdate, isLast);
  if (budget !== undefined) {
    await budget.raise();
    say('    ↻ the budget is raised, and the run retried from the step whose effect was undone');
    const reason = 'The budget was raised.';
    await client.post(`/v1/instances/${id}:retry`, { reason }, `${idempotencyKey}:retry`);
    await client.follow(`/v1/instances/${id}:watch?after=${cursor}`, onUpdate, isLast);
  }
  await Promise.all([killing, locking, signing]);
  // A run that was retried has ended twice.
  await untilAudited(client, id, broke ? 2 : 1);
  return reportRun(client, id, title);
}

/** Says yes to what a run asks, as the administrator. */
async function signOff({ client, say }: RunSurroundings, instanceId: string): Promise<void> {
  const path = `/v1/approvals?instanceId=${instanceId}&status=APPROVAL_STATUS_PENDING`;
  for (const approval of await client.list(path, 'approvals')) {
    const decision = { verdict: 'VERDICT_APPROVE', comment: 'Looked at by the demo.' };
    await client.post(`/v1/approvals/${approval['id']}:decide`, decision, `${approval['id']}:decide`);
    say(`    ✎ approved: ${approval['title']}`);
  }
}

/** Bounds the agent so that its next call does not fit. */
async function useUpBudget(client: RestClient, agentId: string): Promise<{ raise(): Promise<void> }> {
  const wish = { level: 'BUDGET_LEVEL_AGENT', agentId, period: 'BUDGET_PERIOD_TOTAL', limitTokens: '1' };
  const known = (await client.list('/v1/budgets', 'budgets')).find(({ subjectId }) => subjectId === agentId);
  const budget =
    known === undefined
      ? await client.post('/v1/budgets', wish, randomUUID())
      : await client.patch(`/v1/budgets/${known['id']}`, { limitTokens: '1' });
  return {
    async raise() {
      await client.patch(`/v1/budgets/${budget['id']}`, { limitTokens: '1000000000' });
    },
  };
}

async function lockRecord(tracker: TrackerClient, runId: string): Promise<void> {
  const record = await tracker.recordOf(runId);
  if (record !== undefined) await tracker.lock(record.id);
}

async function killAfterOpen({ config, tracker, say }: RunSurroundings, name: string, runId: string): Promise<void> {
  const giveUpAt = Date.now() + 30_000;
  while ((await tracker.recordOf(runId)) === undefined) {
    if (Date.now() > giveUpAt) throw new Error('The tracker was not asked to open a record.');
    await delay(50);
  }
  await execute(config.flotilla, ['kill', name], { env: config.environment, timeout: 30_000 });
  await tracker.calm();
  say(`    ☠ ${name} killed: the record is open at the tracker, and the journal does not know it yet`);
}

/** The run's own last event and those of its notifications are in the audit log a moment after the run has ended. */
async function untilAudited(client: RestClient, id: string, ends: number): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  for (;;) {
    const instance = await client.get(`/v1/instances/${id}`);
    const events = await client.list(`/v1/audit-events?traceId=${instance['traceId']}`, 'auditEvents');
    const actions = events.map((event) => String(event['action']).split('.').at(-1));
    const count = (action: string) => actions.filter((one) => one === action).length;
    const ended = count('InstanceCompleted') + count('InstanceFailed') + count('InstanceCancelled') >= ends;
    const accepted = count('NotificationAccepted');
    // Two steps tell of a release, a subscription of each failure.
    const expected = 2 * count('InstanceCompleted') + count('InstanceFailed');
    if (ended && accepted >= expected && count('NotificationFinished') >= accepted) return;
    if (Date.now() > giveUpAt) return;
    await delay(300);
  }
}

function isLast(update: Json): boolean {
  const instance = update['instance'] as Json;
  const status = word(instance['status'], 'INSTANCE_STATUS_');
  const compensation = word(instance['compensation'], 'COMPENSATION_STATE_');
  return (
    ['completed', 'failed', 'cancelled', 'timeout'].includes(status) &&
    compensation !== 'running' &&
    instance['completeTime'] !== undefined
  );
}

function progress(update: Json): string {
  const step = update['stepId'] === undefined || update['stepId'] === '' ? '' : ` ${update['stepId']}`;
  return `${String(update['kind']).replaceAll('_', ' ')}${step}`;
}
