import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { InstanceService, WorkflowService } from '@flotilla/contracts/workflow';
import { type RunningServer, startServer } from '@flotilla/deploy';
import { ensureTopics } from '@flotilla/events';
import { createGrpcClient } from '@flotilla/grpc';
import { startTestIdentity, tenant } from '@flotilla/testing';
import { type BenchDatabase, makeDatabase } from '../baseline/database.ts';
import type { Surroundings } from '../benchmark.ts';
import { type Child, startChild } from '../child.ts';
import type { FarSideCalls } from '../fleet/far-side.ts';
import type { ServiceCalls } from './service-program.ts';

/** This process: it asks, and plays identity. */
export const loadGenerator = 'load, identity';

/** A call that started a run, by this machine's clock. */
export interface Started {
  readonly id: string;
  readonly calledAt: number;
}

/** What one tenant does with the service. */
export interface Tenant {
  activate(definition: JsonObject): Promise<string>;
  /** Starts so many runs, as fast as the service accepts them. */
  start(workflowId: string, load: { readonly count: number; readonly concurrency: number }): Promise<Started[]>;
}

/** The workflow service by itself, with a Postgres, a Kafka and a Temporal of its own; identity is played. */
export interface LoneService {
  readonly databaseUrl: string;
  readonly database: BenchDatabase;
  readonly farSideUrl: string;
  readonly pids: Readonly<Record<string, number>>;
  newTenant(): Promise<Tenant>;
  /** Waits until so many runs have ended. */
  ended(count: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startLoneService({ config, say }: Surroundings, stateDir: string): Promise<LoneService> {
  const started: { stop(): Promise<unknown> }[] = [];
  const keep = <T extends { stop(): Promise<unknown> }>(one: T): T => {
    started.push(one);
    return one;
  };
  const stop = async () => {
    for (const one of started.toReversed()) await one.stop();
  };
  try {
    const server = async (kind: 'postgres' | 'kafka' | 'temporal'): Promise<RunningServer> =>
      keep(await startServer(kind, { stateDir: join(stateDir, kind) }));
    const [postgres, kafka, temporal] = [await server('postgres'), await server('kafka'), await server('temporal')];
    const migrations = join(config.workspace, 'services/workflow/src/db/migrations');
    const database = await makeDatabase(postgres.url, 'workflow', migrations);
    const prefix = `b${randomBytes(4).toString('hex')}.`;
    await ensureTopics([kafka.address], [`${prefix}flotilla.workflow.v1`, `${prefix}flotilla.workflow.changes.v1`], {
      replication: 1,
      partitions: 3,
    });
    const identity = keep(await startTestIdentity());
    const farSide: Child<FarSideCalls> = keep(
      startChild<FarSideCalls>(new URL('../fleet/far-side.ts', import.meta.url), config.environment),
    );
    const { targetUrl } = await farSide.call('start');
    const service: Child<ServiceCalls> = keep(
      startChild<ServiceCalls>(new URL('service-program.ts', import.meta.url), config.environment),
    );
    const { grpcPort } = await service.call('start', {
      WORKFLOW_GRPC_PORT: '0',
      WORKFLOW_ADMIN_PORT: '0',
      WORKFLOW_DATABASE_URL: database.appUrl,
      WORKFLOW_RELAY_DATABASE_URL: database.relayUrl,
      WORKFLOW_CLIENT_SECRET: 'secret-of-the-bench-service',
      WORKFLOW_TEMPORAL_TASK_QUEUE: `bench-${randomUUID()}`,
      WORKFLOW_TEMPORAL_PAYLOAD_SECRETS: 'secret-of-the-payloads',
      WORKFLOW_HTTP_ALLOWED_HOSTS: new URL(targetUrl).host,
      FLOTILLA_TEMPORAL_ADDRESS: temporal.address,
      FLOTILLA_KAFKA_BROKERS: kafka.address,
      FLOTILLA_KAFKA_PREFIX: prefix,
      FLOTILLA_IDENTITY_ADDRESS: identity.address,
      FLOTILLA_LOG_LEVEL: 'warn',
    });
    say('the workflow service is up');
    const address = `127.0.0.1:${grpcPort}`;
    return {
      database,
      databaseUrl: database.superuserUrl,
      farSideUrl: targetUrl,
      pids: {
        service: service.pid,
        postgres: postgres.pid,
        kafka: kafka.pid,
        temporal: temporal.pid,
        'far side': farSide.pid,
        [loadGenerator]: process.pid,
      },
      async newTenant() {
        const token = await identity.token({ tenantId: tenant(), userId: randomUUID(), ttlMs: 3_600_000 });
        const options = { address, token: () => token, deadlineMs: 60_000 };
        const workflows = createGrpcClient(WorkflowService, options);
        const instances = createGrpcClient(InstanceService, options);
        return {
          async activate(definition) {
            const { id } = await workflows.createWorkflow({ name: 'Bench', slug: `w-${randomUUID()}`, definition });
            await workflows.activateWorkflow({ id });
            return id;
          },
          async start(workflowId, { count, concurrency }) {
            const runs: Started[] = [];
            let left = count;
            const caller = async (): Promise<void> => {
              while (left > 0) {
                left -= 1;
                const calledAt = performance.timeOrigin + performance.now();
                const { id } = await instances.startInstance({ workflowId, input: { url: targetUrl } });
                runs.push({ id, calledAt });
              }
            };
            await Promise.all(Array.from({ length: concurrency }, caller));
            return runs;
          },
        };
      },
      async ended(count) {
        const unfinished = 'select count(*)::integer as ended from workflow_instances where settled_at is not null';
        while (((await database.query<{ ended: number }>(unfinished))[0]?.ended ?? 0) < count) await delay(100);
      },
      stop,
    };
  } catch (problem) {
    await stop();
    throw problem;
  }
}
