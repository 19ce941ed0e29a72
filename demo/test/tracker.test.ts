import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { openLedger } from '../src/tracker/ledger.ts';
import { createTrackerServer } from '../src/tracker/server.ts';

const folder = mkdtempSync(join(tmpdir(), 'tracker-'));
let server = createTrackerServer(openLedger(folder));

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
  server = createTrackerServer(openLedger(folder));
});

const post = async (url: string, key: string, payload: object) => {
  const response = await server.inject({ method: 'POST', url, headers: { 'idempotency-key': key }, payload });
  return { status: response.statusCode, body: response.json<Record<string, string>>() };
};
const state = async () => (await server.inject('/state')).json();

test('a key opens one record, however often it comes', async () => {
  const first = await post('/records', 'k1', { runId: 'r', title: 't' });
  expect(first.status).toBe(201);
  expect((await post('/records', 'k1', { runId: 'r', title: 't' })).body).toEqual(first.body);
  expect(await state()).toMatchObject({ opened: 1, duplicates: 0, orphans: 0 });
});

test('the same change under another key is a duplicate, and counted', async () => {
  await post('/records', 'k1', { runId: 'r', title: 't' });
  await post('/records', 'k2', { runId: 'r', title: 't' });
  expect(await state()).toMatchObject({ opened: 2, duplicates: 1 });
});

test('what was taken back may be done again under another key: that is no duplicate', async () => {
  await post('/records', 'k1', { runId: 'r', title: 't' });
  await post('/undo', 'u', { key: 'k1' });
  await post('/records', 'k2', { runId: 'r', title: 't' });
  expect(await state()).toMatchObject({ opened: 2, withdrawn: 1, duplicates: 0, orphans: 0 });
});

test('after its undo a key is refused, also when it comes for the first time', async () => {
  await post('/undo', 'u', { key: 'k1' });
  expect((await post('/records', 'k1', { runId: 'r', title: 't' })).status).toBe(409);
  expect(await state()).toMatchObject({ opened: 0, orphans: 0 });
});

test('undo goes back one change at a time', async () => {
  const { body } = await post('/records', 'k1', { runId: 'r', title: 't' });
  await post(`/records/${body['id']}/publish`, 'k2', { label: 'published' });
  await post('/undo', 'u2', { key: 'k2' });
  expect((await state()).records).toMatchObject([{ state: 'open' }]);
  await post('/undo', 'u1', { key: 'k1' });
  expect(await state()).toMatchObject({ withdrawn: 1, records: [{ state: 'withdrawn' }] });
});

test('a locked record is not published', async () => {
  const { body } = await post('/records', 'k1', { runId: 'r', title: 't' });
  await post(`/records/${body['id']}/lock`, '', {});
  expect(await post(`/records/${body['id']}/publish`, 'k2', { label: 'x' })).toMatchObject({
    status: 409,
    body: { reason: 'RECORD_LOCKED' },
  });
});

test('a late request is refused when its undo came first', async () => {
  await server.inject({ method: 'POST', url: '/moods', payload: { on: 'open', action: 'late', ms: 200 } });
  const late = post('/records', 'k1', { runId: 'r', title: 't' });
  await post('/undo', 'u', { key: 'k1' });
  expect((await late).status).toBe(409);
  expect(await state()).toMatchObject({ opened: 0, orphans: 0 });
});

test('the log survives a crash in the middle of a line', async () => {
  await post('/records', 'k1', { runId: 'r', title: 't' });
  appendFileSync(join(folder, 'ledger.jsonl'), '{"kind":"opened","ke');
  const again = openLedger(folder);
  again.append({
    kind: 'undone',
    key: 'k1',
    undid: 'opened',
    recordId: again.entries[0]?.kind === 'opened' ? again.entries[0].recordId : '',
  });
  again.close();
  const reread = openLedger(folder);
  expect(reread.entries.map(({ kind }) => kind)).toEqual(['opened', 'undone']);
  reread.close();
});

test('calming lets go of an answer that is held, whose change is there already', async () => {
  await server.inject({ method: 'POST', url: '/moods', payload: { on: 'open', action: 'hold', ms: 60_000 } });
  const held = post('/records', 'k1', { runId: 'r', title: 't' });
  await vi.waitFor(async () => expect(await state()).toMatchObject({ opened: 1 }));
  await server.inject({ method: 'DELETE', url: '/moods' });
  expect((await held).status).toBe(201);
});
