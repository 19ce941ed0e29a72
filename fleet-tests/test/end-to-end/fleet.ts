import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { TokenService } from '@flotilla/contracts/identity';
import {
  databasePrefix,
  type FleetSite,
  grpcServices,
  openSecrets,
  portOffsets,
  replicaOffset,
  secretValue,
} from '@flotilla/deploy';
import { createGrpcClient, type GrpcClient } from '@flotilla/grpc';
import { type ModelScript, type ScriptedModel, startScriptedModel } from '@flotilla/testing';
import pg from 'pg';
import { expect, inject } from 'vitest';
import { flotilla, modelPortOffset } from './flotilla.ts';

/** What a request says. */
export interface CallOptions {
  readonly key?: string | undefined;
  /** An object is sent as JSON, bytes and texts as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Which gateway is asked, from 1. */
  readonly replica?: number;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever shape the route has.
  readonly body: any;
}

/** A tenant with its first administrator and a key of theirs. */
export interface Account {
  readonly tenantId: string;
  readonly tenantSlug: string;
  readonly userId: string;
  readonly email: string;
  readonly password: string;
  readonly key: string;
}

export type ServiceName = (typeof grpcServices)[number];

/** The running fleet as the tests reach it: over REST, over gRPC, and from behind. */
export interface Fleet {
  readonly site: FleetSite;
  readonly url: string;
  /** The gateway of a replica, from 1. */
  urlOf(replica: number): string;
  readonly trackerUrl: string;
  /** An administrator of the tenant that runs the installation. */
  readonly operator: Account;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** As `call`, and fails where the answer is not a success. */
  // biome-ignore lint/suspicious/noExplicitAny: as in Answer.
  ok(method: string, path: string, options?: CallOptions): Promise<any>;
  newTenant(): Promise<Account>;
  /** `host:port` of the first process of a service. */
  grpcAddress(service: ServiceName): string;
  /** What a gRPC client gets for a key at the token exchange. */
  exchange(key: string): Promise<string>;
  client<S extends DescService>(service: S, key?: string): GrpcClient<S>;
  /** Plays the model provider of this fleet; stop it at the end of the file. */
  playModel(script: ModelScript): Promise<ScriptedModel>;
  /** One statement as superuser: sees the rows of all tenants and no trigger of the service's code. */
  sql<Row extends pg.QueryResultRow>(
    service: ServiceName,
    statement: string,
    values?: readonly unknown[],
  ): Promise<readonly Row[]>;
  /** `GET /readyz` of every service process: its name and status. */
  readiness(): Promise<Readonly<Record<string, number>>>;
  /** The fleet's own command: `status`, `kill <process>` … */
  flotilla(...argv: readonly string[]): Promise<string>;
}

/** The service that owns a domain: `llm-agent` for `flotilla.agent.v1`. */
export function serviceOf(desc: DescService): ServiceName {
  const domain = desc.file.proto.package.split('.')[1] ?? '';
  return domain === 'agent' ? 'llm-agent' : (domain as ServiceName);
}

/** The fleet that was started for all end-to-end tests, or another one. */
export async function openFleet(site: FleetSite = inject('fleetSite')): Promise<Fleet> {
  const secrets = openSecrets(join(site.stateDir, 'secrets.json'));
  const at = (offset: number) => `127.0.0.1:${site.portBase + offset}`;
  const urlOf = (replica: number) => `http://${at(portOffsets.gateway.http + replicaOffset(replica))}`;

  const call: Fleet['call'] = async (method, path, { key, body, headers = {}, replica = 1 } = {}) => {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(`${urlOf(replica)}${path}`, {
      method,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
      signal: AbortSignal.timeout(120_000),
    });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
  const ok: Fleet['ok'] = async (method, path, options) => {
    const { status, body } = await call(method, path, options);
    expect(status, `${method} ${path}: ${JSON.stringify(body)}`).toBeLessThan(300);
    return body;
  };
  const grpcAddress = (service: ServiceName) => at(portOffsets[service].grpc);
  const exchange = async (key: string) => {
    const tokens = createGrpcClient(TokenService, { address: grpcAddress('identity'), deadlineMs: 60_000 });
    try {
      const kind = key.startsWith('flk_') ? 'apiKey' : 'sessionToken';
      return (await tokens.exchangeToken({ credential: { case: kind, value: key } })).token;
    } finally {
      tokens.close();
    }
  };

  const operatorKey = secretValue(secrets, 'bootstrap/api-key');
  const operatorLogin = {
    tenantSlug: 'flotilla',
    email: 'admin@flotilla.example',
    password: secretValue(secrets, 'bootstrap/admin-password'),
  };
  const { users } = await ok('GET', '/v1/users?pageSize=200', { key: operatorKey });
  const { id: userId } = users.find(({ email }: { email: string }) => email === operatorLogin.email);
  const [operatorTenant] = await query<{ id: string }>(
    databaseUrl('identity'),
    `select id from tenants where slug = 'flotilla'`,
  );

  function databaseUrl(service: ServiceName): string {
    const password = secretValue(secrets, 'postgres');
    return `postgres://postgres:${password}@${at(portOffsets.postgres.sql)}/${databasePrefix(service)}_db`;
  }

  return {
    site,
    url: urlOf(1),
    urlOf,
    trackerUrl: `http://${at(portOffsets.tracker.http)}`,
    operator: { ...operatorLogin, tenantId: operatorTenant?.id ?? '', userId, key: operatorKey },
    call,
    ok,
    async newTenant() {
      const tenantSlug = `t-${randomUUID().slice(0, 18)}`;
      const email = `root@${tenantSlug}.example`;
      const password = `password-${randomUUID()}`;
      const wish = { name: tenantSlug, slug: tenantSlug, adminEmail: email, adminPassword: password };
      const { tenant, adminUserId } = await ok('POST', '/v1/tenants', { key: operatorKey, body: wish });
      const { sessionToken } = await ok('POST', '/v1/sessions', { body: { tenantSlug, email, password } });
      const { key } = await ok('POST', '/v1/api-keys', { key: sessionToken, body: { name: 'end to end' } });
      return { tenantId: tenant.id, tenantSlug, userId: adminUserId, email, password, key };
    },
    grpcAddress,
    exchange,
    client: (service, key) => {
      const token = key === undefined ? undefined : exchange(key);
      return createGrpcClient(service, {
        address: grpcAddress(serviceOf(service)),
        deadlineMs: 60_000,
        ...(token === undefined ? {} : { token: () => token }),
      });
    },
    playModel: (script) => startScriptedModel({ script, port: site.portBase + modelPortOffset }),
    sql: (service, statement, values) => query(databaseUrl(service), statement, values),
    async readiness() {
      const processes = ['gateway', ...grpcServices] as const;
      const statuses = processes.flatMap((name) =>
        Array.from({ length: site.replicas }, async (_, index) => {
          const port = at(portOffsets[name].admin + replicaOffset(index + 1));
          const answer = await fetch(`http://${port}/readyz`, { signal: AbortSignal.timeout(30_000) });
          await answer.body?.cancel();
          return [index === 0 ? name : `${name}-${index + 1}`, answer.status] as const;
        }),
      );
      return Object.fromEntries(await Promise.all(statuses));
    },
    flotilla: (...argv) => flotilla(site, ...argv),
  };
}

async function query<Row extends pg.QueryResultRow>(
  url: string,
  statement: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000, query_timeout: 60_000 });
  await client.connect();
  try {
    return (await client.query<Row>(statement, [...values])).rows;
  } finally {
    await client.end();
  }
}
