import { randomUUID } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type CreateScheduleRequestSchema,
  type Firing,
  FiringStatus,
  InstanceStatus,
  OverlapPolicy,
  type Schedule,
  ScheduleStatus,
} from '@flotilla/contracts/workflow';
import { createLogger } from '@flotilla/observability';
import { createDatabase, newId } from '@flotilla/postgres';
import { createEncryptionCodec } from '@flotilla/temporal';
import { eventually, testTemporalAddress } from '@flotilla/testing';
import { Connection, ScheduleClient } from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acceptScheduledTime } from '../src/commands/accept-scheduled-time.ts';
import type { Schema } from '../src/db/schema.ts';
import { checkTiming, hasTime } from '../src/domain/timing.ts';
import { startWorkflow, type WorkflowHarness } from './harness.ts';

const quick = {
  steps: [{ id: 'route', kind: 'decision', cases: [{ when: 'true', next: '$end' }], default: { next: '$end' } }],
};

type Wish = Omit<MessageInitShape<typeof CreateScheduleRequestSchema>, '$typeName'>;

let fleet: WorkflowHarness;
let workflowId: string;
const connection = Connection.lazy({ address: testTemporalAddress() });
const temporal = new ScheduleClient({
  connection,
  dataConverter: { payloadCodecs: [createEncryptionCodec(['secret-of-the-payloads'])] },
});
beforeAll(async () => {
  fleet = await startWorkflow();
  workflowId = await fleet.activate(quick);
});
afterAll(async () => {
  await connection.close();
  await fleet.stop();
});

const create = (different: Wish = {}) =>
  fleet.schedules.createSchedule({ workflowId, name: 'Each day', cronExpression: '0 3 * * *', ...different });
/** The coming times that Temporal has for it. */
const inTemporal = async ({ id }: Schedule): Promise<readonly Date[] | undefined> => {
  try {
    return (await temporal.getHandle(`schedule-${id}`).describe()).info.nextActionTimes;
  } catch {
    return undefined;
  }
};
const firingsOf = async ({ id }: Schedule): Promise<readonly Firing[]> =>
  (await fleet.schedules.listScheduleFirings({ scheduleId: id, pageSize: 200 })).firings;

test.each([
  ['30 2 28 3 *', 'Europe/Berlin'],
  ['*/30 1-3 28 3 *', 'Europe/Berlin'],
  ['*/20 1-3 31 10 *', 'Europe/Berlin'],
  ['*/15 1-3 4 4 *', 'Australia/Lord_Howe'],
  ['*/15 1-3 3 10 *', 'Australia/Lord_Howe'],
  ['30 2 14 3 *', 'America/New_York'],
  ['30 1 7 11 *', 'America/New_York'],
  ['0 0 * 9 *', 'America/Santiago'],
  ['0 9 * * MON-FRI', 'Asia/Kolkata'],
  ['0 9 1 * MON', 'UTC'],
  ['15 10,22 29 2 *', 'UTC'],
  ['0 12 * JAN-MAR/2 7', 'Pacific/Auckland'],
])('the times of "%s" in %s that come by Temporal are those of the preview', async (cronExpression, timezone) => {
  const timing = checkTiming({ cronExpression, intervalSeconds: 0, timezone }, 1);
  const schedule = await create({ cronExpression, timezone });
  await eventually(async () => expect(await inTemporal(schedule)).toBeDefined());
  const from = new Date();
  const to = new Date(from.getTime() + 500 * 86_400_000);
  const { startTime } = await connection.workflowService.listScheduleMatchingTimes({
    namespace: 'default',
    scheduleId: `schedule-${schedule.id}`,
    startTime: msToTs(from.getTime()),
    endTime: msToTs(to.getTime()),
  });
  await fleet.schedules.deleteSchedule({ id: schedule.id });
  const told = startTime.map((time) => new Date(tsToMs(time)));
  const { times } = await fleet.schedules.previewSchedule({
    ...{ cronExpression, timezone, count: 100 },
    afterTime: timestampFromDate(from),
  });
  const preview = times.map(timestampDate).filter((time) => time <= to);
  expect(preview.length).toBeGreaterThan(0);
  // Temporal tells some times too many; those of the schedule are counted.
  expect(told.filter((time) => hasTime(timing, time)).slice(0, 100)).toEqual(preview);
});

test('a schedule starts one run at each of its times, with two processes at work', async () => {
  const replica = await fleet.replica();
  const schedule = await create({ cronExpression: '', intervalSeconds: 1, overlapPolicy: OverlapPolicy.ALLOW_ALL });
  const firings = await eventually(
    async () => {
      const known = await firingsOf(schedule);
      if (known.filter(({ status }) => status === FiringStatus.STARTED).length < 4) throw new Error('too few');
      return known;
    },
    { timeoutMs: 30_000 },
  );
  const paused = await fleet.schedules.pauseSchedule({ id: schedule.id });
  expect(paused).toMatchObject({ status: ScheduleStatus.PAUSED });
  expect(paused.nextRunTime).toBeUndefined();
  const nominal = firings.map(({ nominalTime }) => (nominalTime === undefined ? 0 : Number(nominalTime.seconds)));
  expect(nominal).toEqual(Array.from(nominal, (_, index) => (nominal[0] ?? 0) - index)); // each second, none twice
  const [first] = firings.filter(({ status }) => status === FiringStatus.STARTED);
  expect(await fleet.ended(first?.instanceId ?? '')).toMatchObject({ status: InstanceStatus.COMPLETED });
  const runs = await fleet.database.query<{ runs: number }>(
    `select count(*)::int as runs from workflow_instances where source_id = '${schedule.id}'`,
  );
  const settled = await fleet.schedules.getSchedule({ id: schedule.id });
  expect(settled.runCount).toBe(runs[0]?.runs);
  expect(settled.lastRunTime).toBeDefined();
  await replica.stop();
});

test('a time that is told many times at once starts one run; one that the schedule does not have starts none', async () => {
  const schedule = await create({ cronExpression: '0 3 * * *' });
  const db = createDatabase<Schema>({
    url: fleet.database.appUrl,
    maxConnections: 10,
    applicationName: 'test',
    log: createLogger({ service: 'test', level: 'silent' }),
  });
  const scope = { tenantId: fleet.tenantId, actor: { type: 'service', id: 'workflow' } };
  const tell = (nominalAt: string) =>
    db.inTenant(scope, (tx) =>
      acceptScheduledTime({ now: () => new Date(), newId }, tx, {
        scheduleId: schedule.id,
        revision: 1,
        nominalAt: new Date(nominalAt),
      }),
    );
  await Promise.all(Array.from({ length: 10 }, () => tell('2026-11-01T03:00:00Z')));
  await tell('2026-11-01T04:00:00Z');
  await db.close();
  await eventually(async () => {
    expect(await firingsOf(schedule)).toMatchObject([{ status: FiringStatus.STARTED }]);
  });
});

test('what Temporal was not told about while it was away, it is told later', async () => {
  const cutOff = await fleet.replica({ FLOTILLA_TEMPORAL_ADDRESS: '127.0.0.1:1', WORKFLOW_SWEEP_EVERY_MS: '60000' });
  const clients = await fleet.as(cutOff.address);
  const schedule = await clients.schedules.createSchedule({ workflowId, name: 'Away', cronExpression: '0 3 * * *' });
  await eventually(async () => expect(await inTemporal(schedule)).toBeDefined(), { timeoutMs: 40_000 });
  clients.close();
  await cutOff.stop();
  // Lost by Temporal and noticed because its next time passes.
  await temporal.getHandle(`schedule-${schedule.id}`).delete();
  await fleet.database.query(
    `update workflow_schedules set next_run_at = now() - interval '1 hour' where id = '${schedule.id}'`,
  );
  await eventually(async () => expect(await inTemporal(schedule)).toBeDefined(), { timeoutMs: 20_000 });
});

test('changes, pauses and removals reach Temporal; the newest state wins', async () => {
  const schedule = await create();
  const id = schedule.id;
  await fleet.schedules.updateSchedule({ id, cronExpression: '0 4 * * *', timezone: 'europe/berlin', etag: '1' });
  await expect(fleet.schedules.updateSchedule({ id, name: 'Late', etag: '1' })).rejects.toMatchObject({
    code: 'aborted',
  });
  const changed = await fleet.schedules.getSchedule({ id });
  expect(changed).toMatchObject({ timezone: 'Europe/Berlin', etag: '2', intervalSeconds: 0 });
  await eventually(async () =>
    expect(await inTemporal(schedule)).toContainEqual(changed.nextRunTime && timestampDate(changed.nextRunTime)),
  );
  await expect(fleet.workflows.deleteWorkflow({ id: workflowId })).rejects.toMatchObject({ reason: 'WORKFLOW_IN_USE' });
  await fleet.schedules.pauseSchedule({ id });
  expect(await fleet.schedules.resumeSchedule({ id })).toMatchObject({ status: ScheduleStatus.ACTIVE });
  await fleet.schedules.deleteSchedule({ id });
  await expect(fleet.schedules.getSchedule({ id })).rejects.toMatchObject({ reason: 'SCHEDULE_NOT_FOUND' });
  await eventually(async () => expect(await inTemporal(schedule)).toBeUndefined());
});

test('a firing acts for whoever set up the schedule, and fails when they may not any more', async () => {
  const userId = randomUUID();
  const clients = await fleet.as(fleet.address, { userId });
  const mine = await clients.schedules.createSchedule({ workflowId, name: 'Mine', cronExpression: '0 3 * * *' });
  const { id } = await fleet.schedules.fireSchedule({ id: mine.id }, { idempotencyKey: 'now' });
  expect((await fleet.schedules.fireSchedule({ id: mine.id }, { idempotencyKey: 'now' })).id).toBe(id);
  const [started] = await eventually(async () => {
    const known = await firingsOf(mine);
    expect(known).toMatchObject([{ id, status: FiringStatus.STARTED }]);
    return known;
  });
  expect(await fleet.instances.getInstance({ id: started?.instanceId ?? '' })).toMatchObject({ createdBy: userId });

  const leaving = await clients.schedules.createSchedule({ workflowId, name: 'Leaving', cronExpression: '0 3 * * *' });
  const [row] = await fleet.database.query<{ grant_id: string }>(
    `select grant_id from workflow_schedules where id = '${leaving.id}'`,
  );
  fleet.identity.revoke(row?.grant_id ?? '');
  await fleet.schedules.fireSchedule({ id: leaving.id });
  await eventually(async () =>
    expect(await firingsOf(leaving)).toMatchObject([{ status: FiringStatus.FAILED, errorReason: 'GRANT_REVOKED' }]),
  );
  clients.close();
});

test('another tenant’s schedule does not exist', async () => {
  const { id } = await create();
  const stranger = await fleet.as(fleet.address, { tenantId: randomUUID() });
  for (const call of ['getSchedule', 'pauseSchedule', 'fireSchedule', 'deleteSchedule', 'updateSchedule'] as const) {
    await expect(stranger.schedules[call]({ id }), call).rejects.toMatchObject({ reason: 'SCHEDULE_NOT_FOUND' });
  }
  stranger.close();
});

test('a schedule with a nonsense zone is refused where it is said', async () => {
  await expect(create({ timezone: 'Mars/Olympus' })).rejects.toMatchObject({
    code: 'invalid_argument',
    reason: 'TIMEZONE_UNKNOWN',
    violations: [{ field: 'timezone' }],
  });
});
