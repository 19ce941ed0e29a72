import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GrantService } from '@flotilla/contracts/identity';
import {
  ApprovalService,
  CompensationService,
  InstanceService,
  JobService,
  ScheduleService,
  TriggerService,
  WorkflowService,
  WorkflowTemplateService,
  WorkflowVersionService,
} from '@flotilla/contracts/workflow';
import { createConsumer } from '@flotilla/events';
import { implement } from '@flotilla/grpc';
import { createGatheredWrites, newId } from '@flotilla/postgres';
import { createEncryptionKeyring } from '@flotilla/secrets';
import { type Component, createServiceKit, type KitOptions, type Service } from '@flotilla/service';
import { createTemporalClient, createTemporalWorker } from '@flotilla/temporal';
import type { Moving } from './commands/advance.ts';
import { createChildRuns } from './commands/child-runs.ts';
import { createDefinitions } from './commands/definitions.ts';
import { createDrivers } from './commands/drivers.ts';
import { createNews } from './commands/news.ts';
import { createRunStates } from './commands/run-states.ts';
import { createStarterOf } from './commands/starter-of.ts';
import type { Config } from './config.ts';
import { conflicts } from './db/conflicts.ts';
import type { Schema } from './db/schema.ts';
import { createEventConditions } from './domain/event-wait.ts';
import { createDefinitionReader } from './domain/read-definition.ts';
import { onAgentEvent } from './events/on-agent-event.ts';
import { eventTopics, listenedTo, onAnyEvent } from './events/on-any-event.ts';
import { approvals } from './grpc/approvals.ts';
import { compensations } from './grpc/compensations.ts';
import { instances } from './grpc/instances.ts';
import { jobs } from './grpc/jobs.ts';
import { schedules } from './grpc/schedules.ts';
import { triggers } from './grpc/triggers.ts';
import { workflowTemplates } from './grpc/workflow-templates.ts';
import { workflowVersions } from './grpc/workflow-versions.ts';
import { workflows } from './grpc/workflows.ts';
import { createAdmission } from './lane/admission.ts';
import { driversWith } from './lane/drivers.ts';
import { createFairQueue } from './lane/fair-queue.ts';
import { createLane } from './lane/lane.ts';
import { createMeters } from './metrics.ts';
import { createNamedAgents } from './queries/named-agents.ts';
import { createInHand } from './rides/in-hand.ts';
import { createRides } from './rides/rides.ts';
import { stepKinds } from './steps/catalogue.ts';
import { createPerformers } from './steps/performers.ts';
import { emptyQueue } from './sweep/empty-queue.ts';
import { takeOverExpired } from './sweep/expire-leases.ts';
import { forgetOldRuns } from './sweep/forget-runs.ts';
import { revokeEndedGrants } from './sweep/revoke-ended-grants.ts';
import { startUndriven } from './sweep/start-undriven.ts';
import { createSweep } from './sweep/sweep.ts';
import { takeOverLost } from './sweep/take-over-lost.ts';
import { wakeUnwoken } from './sweep/wake-unwoken.ts';
import { createActivities } from './temporal/activities.ts';
import { createScheduleActivities } from './temporal/schedule-activities.ts';
import { createScheduleSync } from './temporal/schedule-sync.ts';
import { createGatheredGrants } from './work/gathered-grants.ts';
import { createLauncher } from './work/launcher.ts';

/** Builds the service; nothing connects or listens before `start`. */
export function createService(config: Config, overrides: Partial<KitOptions> = {}): Service {
  const kit = createServiceKit<Schema>(config, { name: 'workflow', conflicts, ...overrides });
  const { db, log, tokens } = kit;
  const { address, namespace, taskQueue, payloadSecrets: secrets } = config.temporal;
  const now = () => new Date();
  const ownToken = (tenantId: string) => tokens.own(tenantId);
  const definitions = createDefinitions(createDefinitionReader(stepKinds));
  const news = createNews();
  const temporal = createTemporalClient({ address, namespace, secrets, worker: () => worker });
  const weightOf = (tenantId: string) => config.tenantWeights.get(tenantId) ?? 1;
  const temporalDrivers = createDrivers({
    ...{ db, temporal, taskQueue, weightOf, now, log },
    sweptAfterMs: config.sweepEveryMs,
  });
  // Moving a run can start, end or settle another one.
  const children = createChildRuns({ db, moving: () => moving, drivers: () => drivers, newId });
  const { performers, agents, close } = createPerformers(config.neighbours, kit.metrics, children);
  const moving: Moving = { definitions, performers, states: createRunStates(), now, news, ended: children.ended };
  const meters = createMeters(kit.metrics);
  const performing = {
    ...moving,
    db,
    ownToken,
    tokenForGrant: (grantId: string) => tokens.forGrant(grantId),
    quickUndoAttempts: config.quickUndoAttempts,
    meters,
  };
  const steps = createFairQueue({ places: config.maxConcurrentSteps, weightOf });
  const lane = createLane(performing, { ...config.lane, weightOf }, { steps, startDriver: temporalDrivers.start, log });
  const inHand = createInHand();
  const rides = createRides(
    performing,
    { rides: config.rides, longestPauseMs: config.lane.longestPauseMs, weightOf },
    { inHand, steps },
  );
  const { leaseMs } = config.lane;
  const admission = createAdmission({ db, lane, leaseMs, meters, log, everyMs: Math.min(500, config.sweepEveryMs) });
  const drivers = driversWith(lane, rides, temporalDrivers);
  const grants = kit.clientOf(GrantService, config.identityAddress);
  const { verify } = kit;
  const tokenForGrant = (grantId: string) => tokens.forGrant(grantId);
  const grantFor = createGatheredGrants({ grants, ownToken });
  const starterOf = createStarterOf({ tokenForGrant, verify, grantFor });
  const launching = {
    ...moving,
    ...{ db, newId, drivers, lane, rides, admission, leaseMs, starterOf },
  };
  const launcher = createLauncher(launching, config.launchPollMs, log);
  const scheduleSync = createScheduleSync({ db, temporal, taskQueue, now, everyMs: config.sweepEveryMs, log });
  const worker = createTemporalWorker({
    address,
    namespace,
    secrets,
    taskQueue,
    log,
    bundlePath: bundlePath(),
    activities: {
      ...createActivities(performing, { rides, inHand, log }),
      ...createScheduleActivities({ db, now, newId, log }, scheduleSync.wake, launcher.wake),
    },
    maxConcurrentActivities: config.maxConcurrentSteps,
  });
  const sweep = createSweep({
    everyMs: config.sweepEveryMs,
    log,
    duties: [
      startUndriven({ db, drivers, olderThanMs: config.sweepEveryMs }),
      wakeUnwoken({ db, drivers, olderThanMs: config.sweepEveryMs }),
      ...(config.lane.runs === 0 ? [emptyQueue({ db })] : []),
      takeOverExpired({ db, drivers, meters, log }),
      takeOverLost({ db, temporal, drivers, meters, log, silentForMs: config.driverSilentForMs }),
      revokeEndedGrants({ db, grants }),
      forgetOldRuns({ db, now, log, keepDays: config.keepRunsDays }),
    ],
  });
  const bringing = { ...moving, db, conditions: createEventConditions(), drivers, newId };
  const triggerEvents = createConsumer<Schema>({
    db,
    transport: kit.transport,
    group: 'workflow-triggers',
    topics: eventTopics,
    prepare: onAnyEvent(bringing, launcher.wake),
    concerns: listenedTo,
    // The first event after a silence fires at once; those right behind it share a transaction.
    gatherMs: 100,
    log,
    metrics: kit.metrics,
  });
  const agentEvents = createConsumer<Schema>({
    db,
    transport: kit.transport,
    group: 'workflow-agents',
    on: onAgentEvent,
    log,
    metrics: kit.metrics,
  });
  const components: Component[] = [
    {
      name: 'agent-events',
      phase: 'work',
      start: async () => agentEvents.start(),
      stop: (graceMs) => agentEvents.stop(graceMs),
    },
    {
      name: 'trigger-events',
      phase: 'work',
      start: async () => triggerEvents.start(),
      stop: (graceMs) => triggerEvents.stop(graceMs),
    },
    { name: 'neighbours', phase: 'storage', stop: async () => close() },
    {
      name: 'temporal',
      phase: 'transport',
      optional: true,
      check: () => temporal.ping(),
      stop: () => temporal.close(),
    },
    {
      name: 'worker',
      phase: 'work',
      start: async () => worker.start(),
      check: () => worker.check(),
      stop(graceMs) {
        rides.close();
        return worker.stop(graceMs);
      },
    },
    { name: 'schedules', phase: 'work', start: async () => scheduleSync.start(), stop: () => scheduleSync.stop() },
    { name: 'launcher', phase: 'work', start: async () => launcher.start(), stop: () => launcher.stop() },
    { name: 'lane', phase: 'work', start: async () => lane.start(), stop: (graceMs) => lane.stop(graceMs) },
    { name: 'admission', phase: 'work', start: async () => admission.start(), stop: () => admission.stop() },
    { name: 'sweep', phase: 'work', start: async () => sweep.start(), stop: () => sweep.stop() },
    { name: 'drivers', phase: 'transport', stop: () => drivers.settle() },
  ];
  const { learnGrant } = tokens;
  const starts = createGatheredWrites(db, { sideBySide: true });
  const running = { ...moving, db, newId, drivers, lane, rides, admission, leaseMs, grantFor, learnGrant, starts };
  const { minIntervalSeconds } = config;
  const keyring = createEncryptionKeyring(() => config.encryptionSecrets);
  const scheduling = {
    ...{ db, now, newId, grantFor, minIntervalSeconds },
    changed: scheduleSync.wake,
    fired: launcher.wake,
  };
  return kit.service({
    grpc: [
      implement(WorkflowService, workflows(db, { now, newId, definitions, agents: createNamedAgents(db, agents) })),
      implement(WorkflowVersionService, workflowVersions(db)),
      implement(WorkflowTemplateService, workflowTemplates(db, { now, newId, definitions })),
      implement(InstanceService, instances(running)),
      implement(ScheduleService, schedules(scheduling)),
      implement(TriggerService, triggers({ ...scheduling, keyring })),
      implement(ApprovalService, approvals(running)),
      implement(CompensationService, compensations(running)),
      implement(JobService, jobs(running)),
    ],
    components,
  });
}

/** Beside `main.js` where the service is bundled; where it runs from its sources, in `dist`. */
function bundlePath(): string {
  const beside = fileURLToPath(new URL('workflows.js', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../dist/workflows.js', import.meta.url));
}
