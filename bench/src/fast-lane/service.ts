import { randomBytes, randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { topics } from '@flotilla/contracts';
import { InstanceService, InstanceStatus, WorkflowService } from '@flotilla/contracts/workflow';
import { type RunningServer, startServer } from '@flotilla/deploy';
import { ensureTopics } from '@flotilla/events';
import { createGrpcClient } from '@flotilla/grpc';
import { startTestIdentity, tenant } from '@flotilla/testing';
import pg from 'pg';
import { makeDatabase } from '../baseline/database.ts';
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
  activate(definition: JsonObject, slug?: string): Promise<string>;
  /** Starts so many runs, as fast as the service accepts them. */
  start(
    workflowId: string,
    load: { readonly count: number; readonly concurrency: number; readonly input?: JsonObject },
  ): Promise<Started[]>;
  /** Starts a run and follows it to its end. */
  runToEnd(workflowId: string): Promise<void>;
}

/** The workflow service by itself, with a Postgres, a Kafka and a Temporal of its own; identity is played. */
export interface LoneService {
  readonly databaseUrl: string;
  readonly farSideUrl: string;
  readonly temporalAddress: string;
  readonly pids: Readonly<Record<string, number>> & { readonly service: number };
  newTenant(): Promise<Tenant>;
  /** Asks the database, as its superuser, on one connection that stays open. */
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Waits until Temporal drives every run that is under way. */
  driven(): Promise<void>;
  /** Waits until no run is under way. */
  ended(): Promise<void>;
  /** Waits until everything that runs caused is done: events published, grants taken back. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** Measures with a service of its own, and ends it. */
export async function withLoneService<T>(
  surroundings: Surroundings,
  name: string,
  measure: (service: LoneService) => Promise<T>,
): Promise<T> {
  const stateDir = join(surroundings.config.stateDir, `${name}-${process.pid}`);
  let service: LoneService | undefined;
  try {
    service = await startLoneService(surroundings, stateDir);
    return await measure(service);
  } finally {
    await service?.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function startLoneService({ config, say }: Surroundings, stateDir: string): Promise<LoneService> {
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
    const watcher = new pg.Client({ connectionString: database.superuserUrl });
    await watcher.connect();
    keep({ stop: () => watcher.end() });
    const query: LoneService['query'] = async <Row extends pg.QueryResultRow>(
      text: string,
      values: readonly unknown[] = [],
    ) => (await watcher.query<Row>(text, [...values])).rows;
    const isAny = async (what: string) =>
      (await query<{ is: boolean }>(`select exists (${what}) as is`))[0]?.is === true;
    const prefix = `b${randomBytes(4).toString('hex')}.`;
    const names = topics.map(({ name }) => `${prefix}${name}`);
    await ensureTopics([kafka.address], names, { replication: 1, partitions: 3 });
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
      WORKFLOW_ENCRYPTION_SECRETS: 'secret-of-the-webhooks',
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
      query,
      databaseUrl: database.superuserUrl,
      farSideUrl: targetUrl,
      temporalAddress: temporal.address,
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
          async activate(definition, slug = `w-${randomUUID()}`) {
            const { id } = await workflows.createWorkflow({ name: 'Bench', slug, definition });
            await workflows.activateWorkflow({ id });
            return id;
          },
          async start(workflowId, { count, concurrency, input: more = {} }) {
            const input = { url: targetUrl, ...more };
            const runs: Started[] = [];
            let left = count;
            const caller = async (): Promise<void> => {
              while (left > 0) {
                left -= 1;
                const calledAt = performance.timeOrigin + performance.now();
                const { id } = await instances.startInstance({ workflowId, input });
                runs.push({ id, calledAt });
              }
            };
            await Promise.all(Array.from({ length: concurrency }, caller));
            return runs;
          },
          async runToEnd(workflowId) {
            const { id } = await instances.startInstance({ workflowId, input: { url: targetUrl } });
            let last: InstanceStatus | undefined;
            for await (const { instance } of instances.watchInstance({ id })) last = instance?.status;
            if (last !== InstanceStatus.COMPLETED) throw new Error(`a run did not complete: ${last}`);
          },
        };
      },
      async driven() {
        while (await isAny('select from workflow_instances where settled_at is null and driver_started_at is null'))
          await delay(50);
      },
      async ended() {
        while (await isAny('select from workflow_instances where settled_at is null')) await delay(50);
      },
      async settled() {
        while (await isAny('select from outbox union all select from ended_grants')) await delay(200);
      },
      stop,
    };
  } catch (problem) {
    await stop();
    throw problem;
  }
}
