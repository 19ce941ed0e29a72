import { randomUUID } from 'node:crypto';
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AgentService } from '@flotilla/contracts/agent';
import { grpcServices } from '@flotilla/deploy';
import { eventually, modelReplies, type ScriptedModel } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentOf } from './estate.ts';
import { type Fleet, openFleet, type ServiceName } from './fleet.ts';
import { providerKey } from './flotilla.ts';

let fleet: Fleet;
let model: ScriptedModel;
/** Secrets that have gone through the whole fleet, by what they are. */
const canaries: Record<string, string> = {};
/** Statements of the search, made once. */
const searches: Partial<Record<ServiceName, Promise<string>>> = {};
/** What is no secret and went the same ways: the search must find it, or it sees nothing. */
const tracks = { agentId: '', instanceId: '' };

beforeAll(async () => {
  fleet = await openFleet();
  model = await fleet.playModel([modelReplies.text('Hello.')]);
  const mark = randomUUID();
  const tenant = await fleet.newTenant();
  const { key } = tenant;
  const password = `canary-password-${mark}`;
  const wrongPassword = `canary-wrong-${mark}`;
  const email = `ada@${tenant.tenantSlug}.example`;
  await fleet.ok('POST', '/v1/users', { key, body: { email, password, role: 'admin' } });
  const login = { tenantSlug: tenant.tenantSlug, email };
  const { sessionToken } = await fleet.ok('POST', '/v1/sessions', { body: { ...login, password } });
  await fleet.call('POST', '/v1/sessions', { body: { ...login, password: wrongPassword } });
  await fleet.call('POST', '/v1/users', { key, body: { email: 'no address', password: wrongPassword } });
  await fleet.call('POST', '/v1/users', { key, body: `{"password": "${wrongPassword}", ` });
  const created = await fleet.ok('POST', '/v1/api-keys', { key: sessionToken, body: { name: 'canary' } });
  const token = await fleet.exchange(created.key);
  const agent = await fleet.ok('POST', '/v1/agents', { key: created.key, body: agentOf(`canary-${mark}`) });
  await fleet.ok('POST', `/v1/agents/${agent.id}:execute`, { key: created.key, body: { prompt: 'Hello?' } });
  const providerSecrets = await askByProviders(created.key, mark);
  const agents = fleet.client(AgentService, created.key);
  await agents.getAgent({ id: agent.id }, { token });
  agents.close();
  // It waits, which is Temporal's to do, so that its file has something to be searched for.
  const definition = { steps: [{ id: 'rest', kind: 'wait', duration: 100 }] };
  const wish = { name: 'W', slug: `canary-${mark}`, definition };
  const workflow = await fleet.ok('POST', '/v1/workflows', { key: created.key, body: wish });
  await fleet.ok('POST', `/v1/workflows/${workflow.id}:activate`, { key, body: {} });
  const instance = await fleet.ok('POST', `/v1/workflows/${workflow.id}:start`, { key: created.key, body: {} });
  await fleet.ok('POST', `/v1/api-keys/${created.apiKey.id}:revoke`, { key, body: {} });
  await fleet.call('GET', '/v1/agents', { key: `flk_canary${mark.replaceAll('-', '')}` });
  await fleet.ok('POST', '/v1/sessions:logout', { body: { sessionToken } });
  Object.assign(tracks, { agentId: agent.id, instanceId: instance.id });
  Object.assign(canaries, {
    password,
    'a wrong password': wrongPassword,
    'an API key': created.key,
    'an API key that nobody has': `flk_canary${mark.replaceAll('-', '')}`,
    'a session token': sessionToken,
    'a signed principal': token,
    'the provider key': providerKey,
    ...providerSecrets,
  });
  // All has arrived where it goes: the log knows of the last step.
  await eventually(
    async () => {
      const path = `/v1/audit-events?resourceId=${instance.id}&pageSize=200`;
      const actions = (await fleet.ok('GET', path, { key })).auditEvents.map(
        ({ action }: { action: string }) => action,
      );
      expect(actions).toContain('flotilla.workflow.v1.InstanceCompleted');
    },
    { timeoutMs: 120_000, intervalMs: 300 },
  );
  await eventually(
    async () => {
      const path = `/v1/audit-events?action=flotilla.identity.v1.ApiKeyRevoked`;
      expect((await fleet.ok('GET', path, { key })).auditEvents).not.toEqual([]);
    },
    { timeoutMs: 120_000, intervalMs: 300 },
  );
}, 600_000);
afterAll(() => model.stop());

/** Keys of a tenant's provider, before and after its rotation, and of a user's own: each is sent, and one is refused. */
async function askByProviders(key: string, mark: string): Promise<Record<string, string>> {
  const [first, second, own] = ['first', 'second', 'own'].map((which) => `sk-canary-${which}-${mark}`);
  const body = { name: 'P', kind: 'PROVIDER_KIND_OPENAI_COMPATIBLE', baseUrl: model.url };
  const shared = { ...body, slug: `shared-${mark.slice(0, 8)}`, secret: first };
  const provider = await fleet.ok('POST', '/v1/providers', { key, body: shared });
  const agent = await fleet.ok('POST', '/v1/agents', {
    key,
    body: { ...agentOf(`by-provider-${mark}`), provider: shared.slug },
  });
  const execute = () => fleet.ok('POST', `/v1/agents/${agent.id}:execute`, { key, body: { prompt: 'Hello?' } });
  await execute();
  await fleet.ok('PATCH', `/v1/providers/${provider.id}`, { key, body: { secret: second } });
  model.play([
    { kind: 'status', status: 401, body: JSON.stringify({ error: { message: `Incorrect key: ${second}` } }) },
    { kind: 'status', status: 400, body: JSON.stringify({ error: { message: `Incorrect key: ${second}` } }) },
    modelReplies.text('Hello.'),
  ]);
  await fleet.ok('POST', `/v1/providers/${provider.id}:test`, { key, body: {} });
  await execute();
  await fleet.ok('POST', '/v1/own-providers', { key, body: { ...shared, secret: own } });
  await execute();
  // Refused requests too: what is wrong with them is said without the key.
  await fleet.call('POST', '/v1/providers', { key, body: { ...shared, slug: 'no slug', secret: own } });
  expect(new Set(model.authorizations)).toEqual(
    new Set([providerKey, first, second, own].map((one) => `Bearer ${one}`)),
  );
  return {
    'the key of a tenant’s provider': first ?? '',
    'its next key': second ?? '',
    'the key of a user’s own provider': own ?? '',
  };
}

test('no secret is in a log, in Kafka’s segments, in Temporal’s file or in a mail', async () => {
  const folders = ['logs', 'data/kafka', 'data/temporal', 'data/valkey', 'data/maildev', 'data/tracker'];
  const places = folders
    .map((folder) => join(fleet.site.stateDir, folder))
    .flatMap(filesIn)
    // Kafka's indexes hold numbers only, in many megabytes of zeros.
    .filter((file) => !/\.(time)?index$/.test(file));
  const needles = { ...canaries, ...tracks };
  const hits = new Map<string, string[]>();
  for (const file of places) {
    for (const found of await search(file, needles)) hits.set(found, [...(hits.get(found) ?? []), file]);
  }
  for (const [name] of Object.entries(canaries)) expect([name, hits.get(name)]).toEqual([name, undefined]);
  expect(hits.get('agentId')?.some((file) => /kafka.*\.log$/.test(file))).toBe(true);
  expect(hits.get('instanceId')?.some((file) => file.includes('temporal'))).toBe(true);
});

test.each(grpcServices.map((service) => [service]))('no secret is in the database of %s', async (service) => {
  for (const [name, secret] of Object.entries(canaries)) {
    expect([name, await tablesWith(service, secret)]).toEqual([name, []]);
  }
});

test('the search of the databases finds what is there', async () => {
  expect(await tablesWith('llm-agent', tracks.agentId)).toEqual(
    expect.arrayContaining(['public.agents', 'public.outbox_sent']),
  );
  expect((await tablesWith('audit', tracks.agentId)).length).toBeGreaterThan(0);
  expect((await tablesWith('workflow', tracks.instanceId)).length).toBeGreaterThan(2);
});

/** The tables of a service in which a text occurs, in a text, a document or bytes. */
async function tablesWith(service: ServiceName, needle: string): Promise<readonly string[]> {
  searches[service] ??= searchOf(service);
  const found = await fleet.sql<{ name: string }>(service, await searches[service], [`%${needle}%`, needle]);
  return found.map(({ name }) => name);
}

/** One statement over all tables of a service. */
async function searchOf(service: ServiceName): Promise<string> {
  const tables = await fleet.sql<{ name: string; table: string; bytes: string[] }>(
    service,
    `select format('%I.%I', n.nspname, c.relname) as name, format('%I', c.relname) as table,
       array_remove(array_agg(case when a.atttypid = 'bytea'::regtype then format('%I', a.attname) end), null) as bytes
     from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
     where c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped
       and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like '\\_timescaledb%'
     group by 1, 2`,
  );
  return tables
    .map(({ name, table, bytes }) => {
      const inBytes = bytes.map((column) => ` or position(convert_to($2, 'UTF8') in ${column}) > 0`).join('');
      return `select '${name}' as name where $2 <> '' and exists (select from ${name} where ${table}::text like $1${inBytes})`;
    })
    .join(' union all ');
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  return entries.filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}

/** Which of these texts a file holds, in UTF-8 or in UTF-16. */
async function search(file: string, needles: Readonly<Record<string, string>>): Promise<Set<string>> {
  const found = new Set<string>();
  const forms = Object.entries(needles).flatMap(([name, needle]) =>
    (['utf8', 'utf16le'] as const).map((encoding) => ({ name, bytes: Buffer.from(needle, encoding) })),
  );
  const longest = Math.max(...forms.map(({ bytes }) => bytes.length));
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: 4 * 1024 * 1024 })) {
    const window = Buffer.concat([rest, chunk as Buffer]);
    for (const { name, bytes } of forms) if (window.includes(bytes)) found.add(name);
    rest = window.subarray(Math.max(0, window.length - longest));
  }
  return found;
}
