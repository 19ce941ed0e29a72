import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { JsonObject } from '@bufbuild/protobuf';
import {
  ApprovalService,
  CompensationService,
  type Instance,
  InstanceService,
  JobService,
  ScheduleService,
  TriggerService,
  WorkflowService,
  WorkflowTemplateService,
  WorkflowVersionService,
} from '@flotilla/contracts/workflow';
import { createTrackerServer } from '@flotilla/demo/tracker';
import { countLedger, type LedgerCounts, openLedger } from '@flotilla/demo/tracker/ledger';
import { createGrpcClient, type GrpcClient } from '@flotilla/grpc';
import { createLogger } from '@flotilla/observability';
import {
  eventually,
  type IdentityServer,
  startTestIdentity,
  type TestDatabase,
  type TestPrincipal,
  tenant,
  testDatabase,
  testTemporalAddress,
  testTopics,
} from '@flotilla/testing';
import { parseConfig } from '../src/config.ts';
import { createService } from '../src/service.ts';
import { type Neighbours, startNeighbours } from './neighbours.ts';
import { releaseWatch } from './release-watch.ts';

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));
export const migrations = folder('../src/db/migrations');

/** What holds whoever drives the runs: Temporal alone, or a lane as long as it can. */
export const drivers = [
  { driver: 'temporal', env: { WORKFLOW_LANE_RUNS: '0' } },
  { driver: 'lane', env: { WORKFLOW_LANE_LEASE_MS: '1500' } },
] as const;

/** Clients of the service, as one principal. */
export interface Clients {
  readonly workflows: GrpcClient<typeof WorkflowService>;
  readonly instances: GrpcClient<typeof InstanceService>;
  readonly schedules: GrpcClient<typeof ScheduleService>;
  readonly triggers: GrpcClient<typeof TriggerService>;
  readonly templates: GrpcClient<typeof WorkflowTemplateService>;
  readonly versions: GrpcClient<typeof WorkflowVersionService>;
  readonly approvals: GrpcClient<typeof ApprovalService>;
  readonly compensations: GrpcClient<typeof CompensationService>;
  readonly jobs: GrpcClient<typeof JobService>;
}

/** The real tracker, on a port of its own. */
export interface Tracker {
  readonly url: string;
  readonly host: string;
  mood(mood: JsonObject): Promise<void>;
  counts(): LedgerCounts;
  /** How many keys were undone. */
  undone(): number;
  /** What was answered, also to callers that had gone: `POST /records 201`. */
  answered(): readonly string[];
  stop(): Promise<void>;
}

/** The far sides of the workflow service: everything but the service itself. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  readonly identity: IdentityServer;
  readonly database: TestDatabase;
  readonly neighbours: Neighbours;
  readonly tracker: Tracker;
  readonly tenantId: string;
  /** Clients of the service at this address. */
  as(address: string, principal?: Partial<TestPrincipal>): Promise<Clients & { close(): void }>;
  stop(): Promise<void>;
}

export async function surround(): Promise<Surroundings> {
  await bundleWorkflows();
  const identity = await startTestIdentity();
  const [database, topics, neighbours, tracker] = await Promise.all([
    testDatabase({ service: 'workflow', domain: 'workflow', migrations }),
    testTopics(),
    startNeighbours(identity),
    startTracker(),
  ]);
  const tenantId = tenant();
  const userId = randomUUID();
  return {
    identity,
    database,
    neighbours,
    tracker,
    tenantId,
    env: {
      WORKFLOW_GRPC_PORT: '0',
      WORKFLOW_ADMIN_PORT: '0',
      WORKFLOW_DATABASE_URL: database.appUrl,
      WORKFLOW_RELAY_DATABASE_URL: database.relayUrl,
      WORKFLOW_CLIENT_SECRET: 'secret-of-the-test-service',
      WORKFLOW_TEMPORAL_TASK_QUEUE: `test-${randomUUID()}`,
      WORKFLOW_TEMPORAL_PAYLOAD_SECRETS: 'secret-of-the-payloads',
      WORKFLOW_ENCRYPTION_SECRETS: 'secret-of-the-webhooks',
      WORKFLOW_HTTP_ALLOWED_HOSTS: tracker.host,
      WORKFLOW_SWEEP_EVERY_MS: '300',
      WORKFLOW_LAUNCH_POLL_MS: '100',
      WORKFLOW_MIN_INTERVAL_SECONDS: '1',
      WORKFLOW_QUICK_UNDO_ATTEMPTS: '3',
      FLOTILLA_TEMPORAL_ADDRESS: testTemporalAddress(),
      FLOTILLA_KAFKA_BROKERS: topics.brokers.join(','),
      FLOTILLA_KAFKA_PREFIX: topics.prefix,
      FLOTILLA_IDENTITY_ADDRESS: identity.address,
      FLOTILLA_LLM_AGENT_ADDRESS: neighbours.address,
      FLOTILLA_VALIDATION_ADDRESS: neighbours.address,
      FLOTILLA_NOTIFICATION_ADDRESS: neighbours.address,
      FLOTILLA_LOG_LEVEL: process.env['FLOTILLA_TEST_LOG_LEVEL'] ?? 'silent',
      FLOTILLA_SHUTDOWN_GRACE_MS: '8000',
    },
    async as(address, principal = {}) {
      const token = await identity.token({ tenantId, userId, ttlMs: 600_000, ...principal });
      const options = { address, token: () => token, deadlineMs: 30_000 };
      const workflows = createGrpcClient(WorkflowService, options);
      const instances = createGrpcClient(InstanceService, options);
      const schedules = createGrpcClient(ScheduleService, options);
      const triggers = createGrpcClient(TriggerService, options);
      const templates = createGrpcClient(WorkflowTemplateService, options);
      const versions = createGrpcClient(WorkflowVersionService, options);
      const approvals = createGrpcClient(ApprovalService, options);
      const compensations = createGrpcClient(CompensationService, options);
      const jobs = createGrpcClient(JobService, options);
      const clients = {
        workflows,
        instances,
        jobs,
        approvals,
        compensations,
        schedules,
        triggers,
        templates,
        versions,
      };
      const close = () => Object.values(clients).forEach((client) => void client.close());
      return { ...clients, close };
    },
    async stop() {
      await Promise.all([neighbours.stop(), tracker.stop(), identity.stop(), topics.drop()]);
      await database.drop();
    },
  };
}

/** The service in this process, with its far sides. */
export interface WorkflowHarness extends Surroundings, Clients {
  readonly address: string;
  /** Creates and activates a workflow. */
  activate(definition?: JsonObject): Promise<string>;
  /** Starts a run of it. */
  start(workflowId: string, input?: JsonObject): Promise<string>;
  /** Waits until the run has ended and its undos are done, or stuck. */
  ended(instanceId: string, timeoutMs?: number): Promise<Instance>;
  /** Another replica with the same settings but for these. */
  replica(env?: Record<string, string>): Promise<{ readonly address: string; stop(): Promise<void> }>;
}

export async function startWorkflow(env: Record<string, string> = {}): Promise<WorkflowHarness> {
  const around = await surround();
  const replica = async (different: Record<string, string> = {}) => {
    const config = parseConfig({ ...around.env, ...env, ...different });
    const log = createLogger({ service: 'workflow', level: config.logLevel });
    const service = createService(config, { verify: around.identity.verify, log });
    const { grpcPort } = await service.start();
    return { address: `127.0.0.1:${grpcPort}`, stop: () => service.stop() };
  };
  const own = await replica();
  const clients = await around.as(own.address);
  return {
    ...around,
    ...clients,
    replica,
    address: own.address,
    ...verbs(clients, around),
    async stop() {
      clients.close();
      await own.stop();
      await around.stop();
    },
  };
}

/** What tests do with clients of the service. */
export function verbs(
  { workflows, instances }: Pick<Clients, 'workflows' | 'instances'>,
  { tracker }: Pick<Surroundings, 'tracker'>,
) {
  return {
    async activate(definition: JsonObject = releaseWatch()): Promise<string> {
      const slug = `w-${randomUUID()}`;
      const { id } = await workflows.createWorkflow({ name: 'Test', slug, definition });
      await workflows.activateWorkflow({ id });
      return id;
    },
    async start(workflowId: string, input: JsonObject = {}): Promise<string> {
      return (await instances.startInstance({ workflowId, input: { ...inputFor(tracker.url), ...input } })).id;
    },
    ended: (id: string, timeoutMs = 30_000): Promise<Instance> =>
      eventually(
        async () => {
          const instance = await instances.getInstance({ id });
          if (instance.completeTime === undefined)
            throw new Error(`The run has not ended: ${JSON.stringify(instance.currentSteps)}`);
          return instance;
        },
        { timeoutMs },
      ),
  };
}

export function inputFor(tracker: string): JsonObject {
  return {
    package: 'valkey',
    changelog: 'Fixes CVE-2026-1.',
    tracker,
    agentId: randomUUID(),
    scoringModelId: randomUUID(),
    templateId: randomUUID(),
  };
}

async function startTracker(): Promise<Tracker> {
  const state = mkdtempSync(join(tmpdir(), 'tracker-'));
  const ledger = openLedger(state);
  const server = createTrackerServer(ledger);
  const answered: string[] = [];
  server.addHook(
    'onSend',
    async (request, reply) => void answered.push(`${request.method} ${request.url} ${reply.statusCode}`),
  );
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    host: new URL(url).host,
    async mood(mood) {
      const headers = { 'content-type': 'application/json' };
      const { status } = await fetch(`${url}/moods`, { method: 'POST', headers, body: JSON.stringify(mood) });
      if (status !== 204) throw new Error(`The tracker answered ${status} to a mood.`);
    },
    counts: () => countLedger(ledger.entries),
    undone: () => ledger.entries.filter(({ kind }) => kind === 'undone').length,
    answered: () => answered,
    async stop() {
      await server.close();
      rmSync(state, { recursive: true });
    },
  };
}

/** The workflow code of the sources as they are now. */
async function bundleWorkflows(): Promise<void> {
  const changedAt = (path: string) => statSync(folder(path)).mtimeMs;
  const workflows = readdirSync(folder('../src/temporal/workflows')).map((file) => `../src/temporal/workflows/${file}`);
  const sources = ['../src/temporal/contract.ts', ...workflows, '../package.json'];
  const bundle = '../dist/workflows.js';
  if (existsSync(folder(bundle)) && changedAt(bundle) > Math.max(...sources.map(changedAt))) return;
  await promisify(execFile)(process.execPath, [folder('../scripts/bundle-workflows.ts')], { cwd: folder('..') });
}
