import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '@flotilla/errors';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Performer } from '../performer.ts';
import { createHttpPerformer } from './perform.ts';

let server: Server;
let performer: Required<Pick<Performer, 'perform' | 'undo'>>;
let host: string;
let seen: { request: IncomingMessage; body: string }[];
let answer: (response: ServerResponse) => void;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      seen.push({ request, body });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  performer = createHttpPerformer(new Set([host]));
});
afterAll(() => server.close());
beforeEach(() => {
  seen = [];
  answer = json(200, { ok: true });
});

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    response
      .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
      .end(JSON.stringify(body));
const attempt = (different: object = {}, signal: AbortSignal = new AbortController().signal) => ({
  request: {
    method: 'POST',
    url: `http://${host}/things`,
    headers: {},
    body: { a: 1 },
    successStatus: [],
    ...different,
  },
  effectKey: 'run/step#1/do',
  instanceId: 'run',
  tenantId: 'tenant',
  token: 'token',
  timeoutMs: 1000,
  signal,
});

test('a request carries the effect key, and the author cannot set the headers that are ours', async () => {
  const headers = { 'X-Mine': 'yes', 'Idempotency-Key': 'forged', Host: 'evil.example', 'Content-Length': '999' };
  expect(await performer.perform(attempt({ headers }))).toEqual({ output: { status: 200, body: { ok: true } } });
  expect(seen[0]?.request.headers).toMatchObject({
    'x-mine': 'yes',
    'idempotency-key': 'run/step#1/do',
    host,
    'content-length': '7',
  });
  expect(JSON.stringify(seen[0]?.request.rawHeaders)).not.toContain('token');
});

test('an undo says what it undoes', async () => {
  await performer.undo?.({ ...attempt(), effectKey: 'run/step#1/undo', doKey: 'run/step#1/do' });
  expect(seen[0]?.request.headers).toMatchObject({
    'idempotency-key': 'run/step#1/undo',
    'flotilla-undo-of': 'run/step#1/do',
  });
});

test('a refusal is final, an unwell server is worth another try', async () => {
  answer = json(409, { detail: 'locked' });
  await expect(performer.perform(attempt())).rejects.toMatchObject({
    code: 'failed_precondition',
    reason: 'HTTP_STATUS',
    message: expect.stringContaining('locked'),
  });
  answer = json(503, {}, { 'retry-after': '7' });
  await expect(performer.perform(attempt())).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 7000 });
  await expect(performer.perform(attempt({ retryStatus: [409] }))).rejects.toMatchObject({
    code: 'failed_precondition',
  });
  answer = json(409, {});
  await expect(performer.perform(attempt({ retryStatus: [409] }))).rejects.toMatchObject({ code: 'unavailable' });
  answer = json(404, {});
  expect(await performer.perform(attempt({ successStatus: [404] }))).toMatchObject({ output: { status: 404 } });
});

test('redirects are not followed', async () => {
  answer = (response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
  await expect(performer.perform(attempt())).rejects.toMatchObject({ reason: 'HTTP_STATUS' });
  expect(seen).toHaveLength(1);
});

test('an answer that is too large, too deep or not what it says is dealt with', async () => {
  answer = (response) => response.end(Buffer.alloc(9 * 1024 * 1024, 'x'));
  await expect(performer.perform(attempt())).rejects.toMatchObject({ reason: 'HTTP_ANSWER_TOO_LARGE' });
  answer = (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{ not json');
  expect(await performer.perform(attempt())).toMatchObject({ output: { body: '{ not json' } });
  answer = (response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(`${'['.repeat(10_000)}${']'.repeat(10_000)}`);
  expect(await performer.perform(attempt())).toMatchObject({ output: { body: expect.stringMatching(/^\[\[/) } });
});

test('headers cannot be smuggled in, nor can other protocols or credentials', async () => {
  await expect(performer.perform(attempt({ headers: { 'x-a': 'b\r\nx-evil: 1' } }))).rejects.toMatchObject({
    reason: 'HTTP_HEADER_INVALID',
  });
  for (const url of ['file:///etc/passwd', 'http://user:pass@example.com/', 'not a url']) {
    await expect(performer.perform(attempt({ url }))).rejects.toMatchObject({ reason: 'HTTP_URL_INVALID' });
  }
  expect(seen).toEqual([]);
});

test('a server that is silent is given up when the time is over', async () => {
  answer = () => undefined;
  const late = new AbortController();
  const asked = performer.perform(attempt({}, late.signal));
  while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
  late.abort(new AppError('deadline_exceeded', 'STEP_TIMED_OUT', 'late'));
  await expect(asked).rejects.toMatchObject({ reason: 'STEP_TIMED_OUT' });
  server.closeAllConnections();
});

test('nobody there is worth another try', async () => {
  const nowhere = createHttpPerformer(new Set(['127.0.0.1:9']));
  await expect(nowhere.perform(attempt({ url: 'http://127.0.0.1:9/' }))).rejects.toMatchObject({
    code: 'unavailable',
    reason: 'HTTP_UNREACHABLE',
  });
});
