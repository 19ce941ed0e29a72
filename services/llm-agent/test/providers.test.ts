import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ExecutionStatus,
  type Provider,
  ProviderHealthState,
  ProviderKind,
  ProviderStatus,
} from '@flotilla/contracts/agent';
import { eventually, modelReplies, type ScriptedModel, startScriptedModel, tenant } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LlmAgent, startLlmAgent } from './harness.ts';

const secret = 'sk-canary-of-the-tenant';
const folder = mkdtempSync(join(tmpdir(), 'keyring-'));
const secretsFile = join(folder, 'secrets');
let fleet: LlmAgent;
/** The tenant's provider; that of the operator is the harness's. */
let other: ScriptedModel;

beforeAll(async () => {
  writeFileSync(secretsFile, '');
  other = await startScriptedModel({ script: [modelReplies.text('From elsewhere.')] });
  fleet = await startLlmAgent({
    LLM_AGENT_ALLOWED_HOSTS: new URL(other.url).host,
    LLM_AGENT_ENCRYPTION_SECRETS_FILE: secretsFile,
  });
});
afterAll(async () => {
  await fleet?.stop();
  await other?.stop();
  rmSync(folder, { recursive: true });
});

const wish = (different: object = {}) => ({
  name: 'Elsewhere',
  slug: `p-${randomUUID().slice(0, 8)}`,
  kind: ProviderKind.OPENAI_COMPATIBLE,
  baseUrl: other.url,
  secret,
  ...different,
});

const create = (different: object = {}): Promise<Provider> => fleet.providers.createProvider(wish(different));

async function execute(provider: string, as: Pick<LlmAgent, 'executions'> = fleet, model = 'scripted') {
  const agentId = await fleet.createAgent({ provider, model });
  other.play([modelReplies.text('From elsewhere.')]);
  return as.executions.executeAgent({ agentId, prompt: 'Hello?' });
}

test('a provider is kept, found by its slug, changed under its etag and removed; its secret never comes back', async () => {
  const created = await create({ timeout: { seconds: 5n, nanos: 0 }, models: [{ name: 'scripted' }] });
  expect(created).toMatchObject({ kind: ProviderKind.OPENAI_COMPATIBLE, status: ProviderStatus.ACTIVE, ownerId: '' });
  expect(created.secretUpdateTime).toBeDefined();
  expect((await fleet.providers.listProviders({ slug: created.slug })).providers).toEqual([created]);
  const { id, etag } = created;
  const update = { id, etag, name: 'Renamed', models: { models: [] } };
  const renamed = await fleet.providers.updateProvider(update);
  expect(renamed).toMatchObject({ name: 'Renamed', models: [], secretUpdateTime: created.secretUpdateTime });
  await expect(fleet.providers.updateProvider(update)).rejects.toMatchObject({ reason: 'REVISION_MISMATCH' });
  await expect(create({ slug: created.slug })).rejects.toMatchObject({ reason: 'PROVIDER_SLUG_TAKEN' });
  await expect(create({ slug: 'openai-compatible' })).rejects.toMatchObject({ reason: 'PROVIDER_SLUG_TAKEN' });
  await fleet.providers.deleteProvider({ id });
  await expect(fleet.providers.getProvider({ id })).rejects.toMatchObject({ reason: 'PROVIDER_NOT_FOUND' });
  expect(await secretsOf(id)).toEqual([]);
  const again = await create({ slug: created.slug });
  const stranger = await fleet.as({ tenantId: tenant(), userId: randomUUID() });
  await expect(stranger.providers.getProvider({ id: again.id })).rejects.toMatchObject({ code: 'not_found' });
  const replies = JSON.stringify([created, renamed, again], (_, value) =>
    typeof value === 'bigint' ? `${value}` : value,
  );
  expect(replies).not.toContain('canary');
  const rows =
    await fleet.database.query(`select 1 from outbox_sent where position('canary'::bytea in payload) > 0 or change::text like '%canary%'
    union all select 1 from outbox where position('canary'::bytea in payload) > 0 or change::text like '%canary%'`);
  expect(rows).toEqual([]);
});

test.each([
  ['http://10.0.0.1/v1', 'PROVIDER_URL_INVALID'],
  ['https://10.0.0.1/v1', 'PROVIDER_URL_PRIVATE'],
  ['https://[::1]/v1', 'PROVIDER_URL_PRIVATE'],
  ['https://user:password@example.com/v1', 'PROVIDER_URL_INVALID'],
  ['ftp://example.com', 'PROVIDER_URL_INVALID'],
  ['http://example.com/v1', 'PROVIDER_URL_INVALID'],
  ['', 'PROVIDER_URL_INVALID'],
])('the address %j is refused: %s', async (baseUrl, reason) => {
  await expect(create({ baseUrl })).rejects.toMatchObject({ reason });
});

test("an agent asks the tenant's provider with its key; a new key, a stop and a removal take effect at once", async () => {
  const provider = await create();
  const agentId = await fleet.createAgent({ provider: provider.slug });
  const run = () => fleet.executions.executeAgent({ agentId, prompt: 'Hello?' });
  other.play([modelReplies.text('From elsewhere.')]);
  expect(await run()).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'From elsewhere.' });
  expect(other.authorizations.at(-1)).toBe(`Bearer ${secret}`);
  await fleet.providers.updateProvider({ id: provider.id, secret: 'sk-rotated' });
  await run();
  expect(other.authorizations.at(-1)).toBe('Bearer sk-rotated');
  await fleet.providers.updateProvider({ id: provider.id, models: { models: [{ name: 'another' }] } });
  expect((await run()).errorReason).toBe('MODEL_NOT_OFFERED');
  await fleet.providers.updateProvider({ id: provider.id, status: ProviderStatus.INACTIVE });
  expect((await run()).errorReason).toBe('PROVIDER_INACTIVE');
  await fleet.providers.deleteProvider({ id: provider.id });
  expect((await run()).errorReason).toBe('PROVIDER_UNKNOWN');
  await expect(fleet.createAgent({ provider: provider.slug })).rejects.toMatchObject({ reason: 'PROVIDER_UNKNOWN' });
});

test('a kept secret is not sent to another address, whoever asks for it', async () => {
  const provider = await create();
  const elsewhere = 'https://example.com/v1';
  await expect(fleet.providers.updateProvider({ id: provider.id, baseUrl: elsewhere })).rejects.toMatchObject({
    reason: 'PROVIDER_SECRET_NEEDED',
  });
  // Nor by somebody who writes to the database without a key.
  await fleet.database.query(`update llm_providers set base_url = '${elsewhere}' where id = '${provider.id}'`);
  expect((await execute(provider.slug)).errorReason).toBe('PROVIDER_SECRET_UNREADABLE');
  await fleet.providers.updateProvider({ id: provider.id, baseUrl: other.url, secret: 'sk-given-again' });
  expect((await execute(provider.slug)).status).toBe(ExecutionStatus.COMPLETED);
});

test('an address that has become private is refused when it is called', async () => {
  const provider = await create({ secret: '' });
  await fleet.database.query(`update llm_providers set base_url = 'http://127.0.0.1:9/v1' where id = '${provider.id}'`);
  expect(await execute(provider.slug)).toMatchObject({ errorReason: 'PROVIDER_ADDRESS_PRIVATE', attempts: 1 });
});

test("a user's own provider goes before the tenant's, and nobody else sees it", async () => {
  const shared = await create();
  const ada = await fleet.as({ tenantId: fleet.tenantId, userId: randomUUID() });
  const own = await ada.ownProviders.createOwnProvider(wish({ slug: shared.slug, secret: 'sk-of-ada' }));
  await execute(shared.slug, ada);
  expect(other.authorizations.at(-1)).toBe('Bearer sk-of-ada');
  await execute(shared.slug);
  expect(other.authorizations.at(-1)).toBe(`Bearer ${secret}`);
  const ids = async (as: Pick<LlmAgent, 'providers'>) =>
    (await as.providers.listProviders({ slug: shared.slug })).providers.map(({ id }) => id);
  expect(await ids(ada)).toEqual([own.id, shared.id]);
  expect(await ids(fleet)).toEqual([shared.id]);
  const notFound = { reason: 'PROVIDER_NOT_FOUND' };
  await expect(fleet.providers.getProvider({ id: own.id })).rejects.toMatchObject(notFound);
  await expect(fleet.providers.deleteProvider({ id: own.id })).rejects.toMatchObject(notFound);
  await expect(fleet.ownProviders.updateOwnProvider({ id: own.id, name: 'x' })).rejects.toMatchObject(notFound);
  await expect(ada.ownProviders.deleteOwnProvider({ id: shared.id })).rejects.toMatchObject(notFound);
  await ada.ownProviders.deleteOwnProvider({ id: own.id });
  expect(await ids(ada)).toEqual([shared.id]);
});

test('a test says whether the provider answers and takes the key, and is kept as its health', async () => {
  const provider = await create();
  other.play([modelReplies.text('')]);
  const { health, models } = await fleet.providers.testProvider({ id: provider.id });
  expect([health?.state, models]).toEqual([ProviderHealthState.HEALTHY, ['scripted', 'priced']]);
  expect(other.authorizations.at(-1)).toBe(`Bearer ${secret}`);
  for (const [reply, errorReason] of [
    [modelReplies.failure(401), 'PROVIDER_CREDENTIALS_REFUSED'],
    [modelReplies.failure(503), 'PROVIDER_UNAVAILABLE'],
    [modelReplies.garbage('<html>'), 'PROVIDER_ANSWER_INVALID'],
    [modelReplies.garbage('x'.repeat(5_000_000)), 'OUTPUT_TOO_LARGE'],
    [{ kind: 'status', status: 302, headers: { location: 'http://169.254.169.254/' } }, 'PROVIDER_REDIRECTED'],
    [modelReplies.broken(), 'PROVIDER_UNAVAILABLE'],
  ] as const) {
    other.play([reply]);
    const tested = await fleet.providers.testProvider({ id: provider.id });
    expect(tested.health).toMatchObject({ state: ProviderHealthState.UNHEALTHY, errorReason });
    expect((await fleet.providers.getProvider({ id: provider.id })).health).toEqual(tested.health);
  }
  await fleet.providers.updateProvider({ id: provider.id, baseUrl: 'https://nowhere.invalid/v1', secret });
  const unreachable = await fleet.providers.testProvider({ id: provider.id });
  expect(unreachable.health?.errorReason).toBe('PROVIDER_UNAVAILABLE');
});

test('keys rotate while it runs: secrets are wrapped again, and open all the time', async () => {
  const provider = await create();
  const [before] = await secretsOf(provider.id);
  const executions: Promise<unknown>[] = [];
  writeFileSync(secretsFile, 'second-secret-of-these-tests\n');
  await eventually(async () => {
    executions.push(execute(provider.slug));
    const rows = await fleet.database.query<{ keys: string }>(
      `select count(distinct substring(sealed from 2 for 8)) as keys from provider_secrets`,
    );
    const [after] = await secretsOf(provider.id);
    expect(after?.subarray(1, 9)).not.toEqual(before?.subarray(1, 9));
    expect(after?.subarray(69)).toEqual(before?.subarray(69));
    expect(rows[0]?.keys).toBe('1');
  });
  for (const execution of executions) expect(await execution).toMatchObject({ status: ExecutionStatus.COMPLETED });
  // The old key is not needed any more.
  const second = await fleet.replica({
    LLM_AGENT_ENCRYPTION_SECRETS: 'second-secret-of-these-tests',
    LLM_AGENT_ENCRYPTION_SECRETS_FILE: '',
  });
  expect((await execute(provider.slug, second)).status).toBe(ExecutionStatus.COMPLETED);
});

async function secretsOf(providerId: string): Promise<Buffer[]> {
  const rows = await fleet.database.query<{ sealed: Buffer }>(
    `select sealed from provider_secrets where provider_id = '${providerId}'`,
  );
  return rows.map(({ sealed }) => sealed);
}
