import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { create, toBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { registry } from '@flotilla/contracts';
import { AgentSchema, AgentService, ExecutionSchema, ExecutionService } from '@flotilla/contracts/agent';
import { TokenService } from '@flotilla/contracts/identity';
import { documentedContract } from '@flotilla/contracts/image';
import { installed, spawnSandboxed } from '@flotilla/deploy';
import { createGrpcClient } from '@flotilla/grpc';
import { modelReplies, type ScriptedModel } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentOf } from './estate.ts';
import { readStream } from './event-stream.ts';
import { type Account, type Fleet, openFleet } from './fleet.ts';

let fleet: Fleet;
let model: ScriptedModel;
let tenant: Account;
beforeAll(async () => {
  fleet = await openFleet();
  model = await fleet.playModel([modelReplies.text('Hello.')]);
  tenant = await fleet.newTenant();
});
afterAll(() => model.stop());

const shown = { registry, alwaysEmitImplicit: true };
const rest = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  fleet.call(method, path, { key: tenant.key, headers, ...(body === undefined ? {} : { body }) });

test('what a gRPC client makes is what REST shows, and the other way round', async () => {
  const agents = fleet.client(AgentService, tenant.key);
  const wish = agentOf(`a-${randomUUID()}`);
  const idempotencyKey = randomUUID();
  const made = await agents.createAgent(wish, { idempotencyKey });
  expect((await rest('GET', `/v1/agents/${made.id}`)).body).toEqual(toJson(AgentSchema, made, shown));
  // One idempotency key is one agent, whichever way it is sent.
  const repeated = await rest('POST', '/v1/agents', wish, { 'idempotency-key': idempotencyKey });
  expect([repeated.status, repeated.body.id]).toEqual([201, made.id]);

  const changed = await rest('PATCH', `/v1/agents/${made.id}`, { name: 'By REST' }, { 'if-match': `"${made.etag}"` });
  expect(changed.body.name).toBe('By REST');
  const stale = { id: made.id, name: 'By gRPC', etag: made.etag };
  await expect(agents.updateAgent(stale)).rejects.toMatchObject({ code: 'aborted', reason: 'REVISION_MISMATCH' });
  const refused = await rest('PATCH', `/v1/agents/${made.id}`, { name: 'By REST' }, { 'if-match': `"${made.etag}"` });
  expect(refused).toMatchObject({ status: 412, body: { reason: 'REVISION_MISMATCH' } });

  const invalid = { ...wish, slug: 'Not a slug', name: '' };
  const problem = (await rest('POST', '/v1/agents', invalid)).body;
  await expect(agents.createAgent(invalid)).rejects.toMatchObject({
    code: 'invalid_argument',
    reason: problem.reason,
    violations: problem.violations,
  });
  await agents.createAgent(agentOf(`b-${randomUUID()}`));
  const { nextPageToken } = await agents.listAgents({ pageSize: 1 });
  const { body: page } = await rest('GET', `/v1/agents?pageSize=1&pageToken=${encodeURIComponent(nextPageToken)}`);
  expect(page.agents.map(({ id }: { id: string }) => id)).toEqual([made.id]);
  agents.close();
});

test('an execution and its stream are the same over both', async () => {
  const agents = fleet.client(AgentService, tenant.key);
  const executions = fleet.client(ExecutionService, tenant.key);
  const agent = await agents.createAgent(agentOf(`a-${randomUUID()}`));
  const execution = await executions.executeAgent({ agentId: agent.id, prompt: 'Say hello.' });
  expect((await rest('GET', `/v1/executions/${execution.id}`)).body).toEqual(toJson(ExecutionSchema, execution, shown));
  const overGrpc = await Array.fromAsync(executions.watchExecution({ id: execution.id }));
  const stream = readStream(fleet, 'GET', `/v1/executions/${execution.id}:watch`, { key: tenant.key });
  const overRest = (await Array.fromAsync(stream)).filter(({ event }) => event === 'message');
  expect(overRest.map(({ id }) => BigInt(id))).toEqual(overGrpc.map(({ cursor }) => cursor));
  agents.close();
  executions.close();
});

test('a token of the exchange ends with what it was made from, and is no better', async () => {
  const poor = await fleet.ok('POST', '/v1/api-keys', {
    key: tenant.key,
    body: { name: 'k', scopes: ['agents:read'] },
  });
  const agents = fleet.client(AgentService, poor.key);
  await agents.listAgents({});
  await expect(agents.createAgent(agentOf(`a-${randomUUID()}`))).rejects.toMatchObject({ code: 'permission_denied' });
  agents.close();
  const tokens = createGrpcClient(TokenService, { address: fleet.grpcAddress('identity'), deadlineMs: 60_000 });
  const { expireTime, tenantId, userId } = await tokens.exchangeToken({
    credential: { case: 'apiKey', value: poor.key },
  });
  expect(Number(expireTime?.seconds) - Date.now() / 1000).toBeLessThanOrEqual(300);
  expect({ tenantId, userId }).toEqual({ tenantId: tenant.tenantId, userId: tenant.userId });
  for (const credential of [
    { case: 'apiKey', value: 'flk_nobody' },
    { case: 'sessionToken', value: poor.key },
    { case: 'service', value: { name: 'workflow', secret: 'x'.repeat(24), tenantId } },
    { case: 'service', value: { name: 'nobody', secret: 'x'.repeat(24), tenantId } },
  ] as const) {
    await expect(tokens.exchangeToken({ credential })).rejects.toMatchObject({ code: 'unauthenticated' });
  }
  tokens.close();
});

test('a client in Python needs nothing but the contract and a key', async () => {
  const agent = await fleet.ok('POST', '/v1/agents', { key: tenant.key, body: agentOf(`python-${randomUUID()}`) });
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-python-'));
  try {
    const file = [...documentedContract().files].map(({ proto }) => proto);
    writeFileSync(
      join(folder, 'contract.binpb'),
      toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file })),
    );
    copyFileSync(join(import.meta.dirname, 'grpc-client.py'), join(folder, 'client.py'));
    const { sandbox } = spawnSandboxed({
      root: join(await installed('root'), 'rootfs'),
      partDir: await installed('grpc-client'),
      stateDir: folder,
      env: { PYTHONPATH: '/part/site' },
      argv: [
        'python3',
        'client.py',
        fleet.grpcAddress('identity'),
        fleet.grpcAddress('llm-agent'),
        tenant.key,
        agent.id,
      ],
      output: 'pipe',
    });
    if (sandbox.stdout === null || sandbox.stderr === null) throw new Error('no output');
    const [said, problems] = await Promise.all([text(sandbox.stdout), text(sandbox.stderr)]);
    expect(problems).toBe('');
    expect(JSON.parse(said)).toEqual({ slug: agent.slug, withoutToken: 'UNAUTHENTICATED' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
