import { createHash, randomUUID } from 'node:crypto';
import { modelReplies, type ScriptedModel } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentOf } from './estate.ts';
import { type Account, type Fleet, openFleet } from './fleet.ts';

let fleet: Fleet;
let model: ScriptedModel;
let tenant: Account;
beforeAll(async () => {
  fleet = await openFleet();
  model = await fleet.playModel([modelReplies.text('Hello.')]);
  tenant = await fleet.newTenant();
});
afterAll(() => model?.stop());

const post = (path: string, body: unknown) => fleet.ok('POST', path, { key: tenant.key, body });
const get = (path: string) => fleet.ok('GET', path, { key: tenant.key });

test('an execution is replayed, anew with one input swapped, and what came out is compared', async () => {
  const outputSchema = { type: 'object', required: ['severity'] };
  const agent = await post('/v1/agents', { ...agentOf(`a-${randomUUID()}`), outputSchema });
  model.play([modelReplies.json({ severity: 'low', note: 'a' })]);
  const original = await post(`/v1/agents/${agent.id}:execute`, { prompt: 'The roof leaks.' });
  expect(original).toMatchObject({ status: 'EXECUTION_STATUS_COMPLETED', output: { severity: 'low' } });

  const hits = model.requests.length;
  const recorded = await post(`/v1/executions/${original.id}:replay`, { recorded: true });
  expect(recorded.replay).toMatchObject({ replayOfId: original.id, replayRecorded: true, output: original.output });
  expect(recorded.comparison).toMatchObject({ sameStatus: true, sameAnswer: true });
  expect(model.requests.length).toBe(hits);

  model.play([modelReplies.json({ severity: 'high', note: 'a' })]);
  const anew = await post(`/v1/executions/${original.id}:replay`, { prompt: 'The roof is gone.' });
  expect(model.requests.at(-1)?.messages.at(-1)?.content).toBe('The roof is gone.');
  expect(anew.replay).toMatchObject({ replaySwapped: 'prompt', output: { severity: 'high' } });
  const difference = {
    inputs: [{ pointer: '/prompt', before: 'The roof leaks.', after: 'The roof is gone.' }],
    sameStatus: true,
    answers: [{ pointer: '/severity', before: 'low', after: 'high' }],
  };
  expect(anew.comparison).toMatchObject(difference);
  const path = `/v1/executions/${original.id}:compare?withExecutionId=${anew.replay.id}`;
  expect(await get(path)).toMatchObject(difference);
  const listed = await get(`/v1/executions?replayOfId=${original.id}`);
  expect(listed.executions.map(({ id }: { id: string }) => id)).toEqual([anew.replay.id, recorded.replay.id]);

  const two = await fleet.call('POST', `/v1/executions/${original.id}:replay`, {
    key: tenant.key,
    body: { prompt: 'x', model: 'y' },
  });
  expect([two.status, two.body.reason]).toEqual([400, 'REPLAY_INVALID']);
});

test('a picture goes in as base64, is told to a model that takes one, and is read again by its hash', async () => {
  const picture = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from('and so on')]);
  const slug = `p-${randomUUID().slice(0, 8)}`;
  await post('/v1/providers', {
    name: 'Sees',
    slug,
    kind: 'PROVIDER_KIND_OPENAI_COMPATIBLE',
    baseUrl: model.url,
    models: [{ name: 'scripted', inputs: ['MODALITY_IMAGE'] }],
  });
  const { id } = await post('/v1/agents', { ...agentOf(`a-${randomUUID()}`), provider: slug });
  const blind = await post('/v1/agents', agentOf(`a-${randomUUID()}`));
  const data = picture.toString('base64');
  const body = { prompt: 'What is this?', parts: [{ file: { mediaType: 'image/png', data } }, { text: 'And?' }] };
  model.play([modelReplies.text('A ship.')]);
  const execution = await post(`/v1/agents/${id}:execute`, body);
  expect(execution).toMatchObject({ status: 'EXECUTION_STATUS_COMPLETED', response: 'A ship.' });
  expect(model.requests.at(-1)?.messages.at(-1)?.content).toMatchObject([
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } },
    { type: 'text', text: 'And?' },
  ]);
  const sha256 = createHash('sha256').update(picture).digest('hex');
  const { parts } = await get(`/v1/executions/${execution.id}`);
  expect(parts).toMatchObject([{ file: { mediaType: 'image/png', size: String(picture.length), sha256 } }, {}]);
  expect(JSON.stringify(parts)).not.toContain(data);
  const hits = model.requests.length;
  expect(await post(`/v1/agents/${blind.id}:execute`, body)).toMatchObject({
    status: 'EXECUTION_STATUS_FAILED',
    errorReason: 'MODEL_INPUT_UNSUPPORTED',
  });
  expect(model.requests.length).toBe(hits);
  for (const [file, reason] of [
    [{ mediaType: 'image/png', data: Buffer.from('<html>').toString('base64') }, 'INPUT_MEDIA_TYPE_MISMATCH'],
    [{ mediaType: 'image/png', url: 'https://169.254.169.254/latest/meta-data' }, 'INPUT_URL_PRIVATE'],
  ] as const) {
    const refused = await fleet.call('POST', `/v1/agents/${id}:execute`, {
      key: tenant.key,
      body: { prompt: 'x', parts: [{ file }] },
    });
    expect([refused.status, refused.body.reason]).toEqual([400, reason]);
  }
});
