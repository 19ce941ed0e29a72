import { createHmac, createPublicKey, randomUUID } from 'node:crypto';
import { type DescMethod, fromJson, type JsonObject, type Message } from '@bufbuild/protobuf';
import { methodRules, permissions, registry, services } from '@flotilla/contracts';
import { TokenService } from '@flotilla/contracts/identity';
import { createGrpcClient, type GrpcClient } from '@flotilla/grpc';
import { createKeyring, generateSigningKeys, signPrincipal } from '@flotilla/secrets';
import { modelReplies, type ScriptedModel } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildEstate, type Estate, type Kind } from './estate.ts';
import { type Account, type Fleet, openFleet, type ServiceName, serviceOf } from './fleet.ts';
import { openRawGrpc, type RawGrpc } from './raw-grpc.ts';
import { requestNaming, restCall } from './requests.ts';

/** gRPC's numbers. */
const unauthenticated = 16;
const permissionDenied = 7;
const everyMethod = services.flatMap((service) => service.methods);
const nameOf = (method: DescMethod) => `${method.parent.typeName}/${method.name}`;

let fleet: Fleet;
let model: ScriptedModel;
let owner: Account;
let stranger: Account;
let estate: Estate;
/** Ids of nothing at all. */
let nowhere: Estate;
let everything: string;
let strangerToken: string;
let forged: Readonly<Record<string, string>>;
/** A key, and its token, that may do everything but one thing. */
const lacking = new Map<string, { readonly key: string; readonly token: string }>();
const raw = new Map<ServiceName, RawGrpc>();
const clients = new Map<string, GrpcClient<(typeof services)[number]>>();
const tested = new Set<string>();

beforeAll(async () => {
  fleet = await openFleet();
  model = await fleet.playModel([modelReplies.text('Hello.')]);
  owner = await fleet.newTenant();
  stranger = await fleet.newTenant();
  estate = await buildEstate(fleet, owner);
  nowhere = Object.fromEntries(Object.keys(estate).map((kind) => [kind, randomUUID()])) as unknown as Estate;
  everything = await fleet.exchange(fleet.operator.key);
  strangerToken = await fleet.exchange(stranger.key);
  for (const permission of permissions) {
    const scopes = permissions.filter((one) => one !== permission);
    const { key } = await fleet.ok('POST', '/v1/api-keys', { key: fleet.operator.key, body: { name: 'k', scopes } });
    lacking.set(permission, { key, token: await fleet.exchange(key) });
  }
  for (const service of services) {
    const address = fleet.grpcAddress(serviceOf(service));
    if (!raw.has(serviceOf(service))) raw.set(serviceOf(service), openRawGrpc(address));
    clients.set(service.typeName, createGrpcClient(service, { address, deadlineMs: 60_000 }));
  }
  forged = await forgeries();
});

afterAll(async () => {
  for (const client of clients.values()) client.close();
  for (const session of raw.values()) session.close();
  await model.stop();
});

test.each(everyMethod.map((method) => [nameOf(method), method] as const))('%s', async (name, method) => {
  const rules = methodRules(method);
  const rest = restCall(method, {});
  const grpc = (headers: Record<string, string>) => {
    const session = raw.get(serviceOf(method.parent));
    if (session === undefined) throw new Error(`${name}: nobody serves it`);
    return session.status(method, headers);
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const viaRest = (key?: string) =>
    fleet.call(rest?.verb ?? '', rest?.path ?? '', { key, ...(rest?.body === undefined ? {} : { body: rest.body }) });

  if (rules.public) {
    // Open to all: whatever it refuses, it is not for the want of a token.
    expect([unauthenticated, permissionDenied]).not.toContain(await grpc({}));
    if (rest !== undefined) expect((await viaRest()).body.reason).not.toBe('CREDENTIAL_MISSING');
  } else {
    expect(await grpc({}), 'without a token').toBe(unauthenticated);
    expect(await grpc(bareClaims()), 'who one is, said in bare metadata').toBe(unauthenticated);
    for (const [how, token] of Object.entries(forged)) expect(await grpc(bearer(token)), how).toBe(unauthenticated);
    const poor = lacking.get(rules.permission ?? '');
    expect(await grpc(bearer(poor?.token ?? everything)), 'without the permission').toBe(permissionDenied);
    if (rest !== undefined) {
      expect(await viaRest()).toMatchObject({ status: 401, body: { status: 401, reason: 'CREDENTIAL_MISSING' } });
      expect(await viaRest(`flk_${randomUUID()}`)).toMatchObject({ status: 401 });
      expect(await viaRest(poor?.key)).toMatchObject({ status: 403, body: { reason: 'PERMISSION_DENIED' } });
    }
  }
  if (rest === undefined) {
    const path = `/${name}`;
    expect((await fleet.call('POST', path, { key: fleet.operator.key, body: {} })).status, 'no route').toBe(404);
  }
  expect(rules.internal && rest !== undefined, 'an internal method has no route').toBe(false);
  if (!rules.public && !rules.internal) await anotherTenantsIds(method);
  tested.add(name);
});

test('every method of the contract was tested', () => {
  expect(tested.size).toBe(everyMethod.length);
  expect([...tested].sort()).toEqual(everyMethod.map(nameOf).sort());
});

test('the resources that nobody else could see were there all the time', async () => {
  const paths: Partial<Record<Kind, string>> = {
    agent: 'agents',
    execution: 'executions',
    conversation: 'conversations',
    provider: 'providers',
    own_provider: 'providers',
    budget: 'budgets',
    workflow: 'workflows',
    instance: 'instances',
    job: 'jobs',
    schedule: 'workflow-schedules',
    trigger: 'workflow-triggers',
    workflow_template: 'workflow-templates',
    approval: 'approvals',
    compensation: 'compensations',
    rule: 'validation-rules',
    scoring_model: 'scoring-models',
    validation: 'validations',
    template: 'notification-templates',
    notification: 'notifications',
    subscription: 'notification-subscriptions',
    user: 'users',
    api_key: 'api-keys',
    tenant: 'tenants',
    audit_event: 'audit-events',
  };
  for (const [kind, path] of Object.entries(paths)) {
    const found = await fleet.ok('GET', `/v1/${path}/${estate[kind as Kind]}`, { key: owner.key });
    expect([kind, found.id]).toEqual([kind, estate[kind as Kind]]);
    expect(JSON.stringify(found)).not.toContain('Taken over');
  }
});

/** Whatever a stranger says about another tenant's resource is answered as if it were nowhere, over REST and over gRPC. */
async function anotherTenantsIds(method: DescMethod): Promise<void> {
  // Operators create tenants; everybody else may not even ask.
  if (methodRules(method).permission === 'tenants:create') return;
  const request = requestNaming(method, estate) ?? {};
  const isList = /^List/.test(method.name) && !hasPathId(method);
  const answer = await strangersAnswer(method, request);
  if (requestNaming(method, estate) === undefined || isList) {
    // Nothing to name, or a filter: what comes back holds nothing that is not the stranger's.
    for (const id of Object.values(estate)) expect(JSON.stringify(answer)).not.toContain(id);
    return;
  }
  const unknown = await strangersAnswer(method, requestNaming(method, nowhere) ?? {});
  expect([answer.status, answer.reason]).toEqual([unknown.status, unknown.reason]);
  if (hasPathId(method)) expect([answer.status, answer.code], answer.text).toEqual([404, 'not_found']);
  else expect(answer.status, answer.text).toBeGreaterThanOrEqual(400);
}

async function strangersAnswer(method: DescMethod, request: JsonObject) {
  const rest = restCall(method, request);
  const { status, body } = await fleet.call(rest?.verb ?? '', rest?.path ?? '', {
    key: stranger.key,
    ...(rest?.body === undefined ? {} : { body: rest.body }),
  });
  const code = await codeOverGrpc(method, request, body.reason);
  expect(status, JSON.stringify(body)).toBeLessThan(500);
  return { status, reason: body.reason as string | undefined, code, text: JSON.stringify(body) };
}

/** The code of the same request over gRPC, whose reason must be the one that REST gave. */
async function codeOverGrpc(
  method: DescMethod,
  request: JsonObject,
  reason: string | undefined,
): Promise<string | undefined> {
  if (reason === undefined) return undefined;
  const client = clients.get(method.parent.typeName) as Record<string, unknown> | undefined;
  const call = client?.[method.localName] as (request: Message, options: { token: string }) => unknown;
  const message = fromJson(method.input, request, { registry });
  try {
    const reply = call(message, { token: strangerToken });
    if (method.methodKind === 'unary') await reply;
    else for await (const _ of reply as AsyncIterable<unknown>) break;
    return 'ok';
  } catch (error) {
    expect(error).toMatchObject({ reason });
    return (error as { code: string }).code;
  }
}

function hasPathId(method: DescMethod): boolean {
  return restCall(method, {})?.path.match(/[0-9a-f-]{36}/) != null;
}

function bareClaims(): Record<string, string> {
  return {
    'x-tenant-id': owner.tenantId,
    'tenant-id': owner.tenantId,
    'x-user-id': owner.userId,
    'x-principal': JSON.stringify({ tenantId: owner.tenantId, permissions, operator: true }),
    'x-permissions': permissions.join(','),
  };
}

/** Tokens that claim to be the owner with every permission, and are not identity's. */
async function forgeries(): Promise<Record<string, string>> {
  const tokens = createGrpcClient(TokenService, { address: fleet.grpcAddress('identity'), deadlineMs: 60_000 });
  const { jwksJson } = await tokens.getSigningKeys({});
  tokens.close();
  const [published] = (JSON.parse(jwksJson) as { keys: { kid: string; kty: string; crv: string; x: string }[] }).keys;
  if (published === undefined) throw new Error('identity publishes no key');
  const claims = { tenantId: owner.tenantId, userId: owner.userId, permissions, operator: true };
  const own = createKeyring(generateSigningKeys());
  const selfSigned = (await signPrincipal(own, claims, 300_000)).token;
  const withTheirId = { signing: { kid: published.kid, key: own.signing.key }, publicJwks: own.publicJwks };
  const asService = { tenantId: owner.tenantId, serviceName: 'workflow', permissions, operator: true };
  const payload = selfSigned.split('.')[1] ?? '';
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const none = `${encode({ alg: 'none', kid: published.kid, typ: 'JWT' })}.${payload}.`;
  const unsigned = `${encode({ alg: 'HS256', kid: published.kid, typ: 'JWT' })}.${payload}`;
  // The public key as if it were a shared secret.
  const pem = createPublicKey({ key: { ...published }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const confused = `${unsigned}.${createHmac('sha256', pem).update(unsigned).digest('base64url')}`;
  const [head, , signature] = everything.split('.');
  return {
    'signed by a key of their own': selfSigned,
    'signed by a key of their own, under the name of a true one': (await signPrincipal(withTheirId, claims, 300_000))
      .token,
    'a service of their own': (await signPrincipal(withTheirId, asService, 300_000)).token,
    'algorithm none': none,
    'algorithm confused': confused,
    'another payload under a true signature': `${head}.${payload}.${signature}`,
    garbage: 'a.b.c',
    'an API key': owner.key,
  };
}
