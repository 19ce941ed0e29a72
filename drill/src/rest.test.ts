import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createRest } from './rest.ts';

/** Answers one after the other, the last one for ever; null breaks the connection. */
async function serve(...answers: readonly ({ status: number; reason?: string } | null)[]) {
  const keys: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const answer = answers[Math.min(keys.length, answers.length - 1)];
    keys.push(request.headers['idempotency-key'] as string | undefined);
    if (answer === null || answer === undefined) return void request.socket.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { keys, rest: createRest(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'key') };
}

test('what is worth a retry is asked again under the same key, and is no finding', async () => {
  const away = { status: 503, reason: 'DATABASE_UNAVAILABLE' };
  const { rest, keys } = await serve(null, away, { status: 429, reason: 'OVERLOADED' }, { status: 200 });
  expect(await rest.ask('POST', '/v1/things', {})).toEqual({ status: 200 });
  expect(keys).toHaveLength(4);
  expect(new Set(keys).size).toBe(1);
  expect(rest.faulty).toEqual([]);
});

test.each([{ status: 500, reason: 'INTERNAL' }, { status: 503 }, { status: 504, reason: 'NOBODY_KNOWS' }])(
  '$status $reason is a finding, also where the next try succeeds',
  async (answer) => {
    const { rest } = await serve(answer, { status: 200 });
    await rest.ask('POST', '/v1/things', {});
    expect(rest.faulty).toEqual([`POST /v1/things: ${answer.status} ${JSON.stringify(answer)}`]);
  },
);

test('a refusal is not asked again', async () => {
  const { rest, keys } = await serve({ status: 404, reason: 'THING_NOT_FOUND' });
  await expect(rest.ask('GET', '/v1/things/1')).rejects.toMatchObject({ reason: 'THING_NOT_FOUND' });
  expect(keys).toHaveLength(1);
});
