import { connect, createServer, type Server, type Socket } from 'node:net';
import { ExecutionStatus } from '@flotilla/contracts/agent';
import { modelReplies } from '@flotilla/testing';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type LlmAgent, startLlmAgent } from '../harness.ts';

let fleet: LlmAgent;
beforeAll(async () => {
  fleet = await startLlmAgent();
});
afterAll(() => fleet?.stop());

/** A way to the database that can be cut. */
async function cuttable(url: string) {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server: Server = createServer((socket) => {
    if (isCut) return void socket.destroy();
    const other = connect(Number(target.port), target.hostname);
    for (const end of [socket, other]) {
      sockets.add(end);
      end.on('error', () => undefined).on('close', () => sockets.delete(end));
    }
    socket.pipe(other).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The proxy does not listen.');
  const way = new URL(url);
  way.hostname = '127.0.0.1';
  way.port = String(address.port);
  onTestFinished(() => void server.close());
  return {
    url: way.href,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend() {
      isCut = false;
    },
  };
}

test('an answer that comes while the database is away is not lost', async () => {
  const way = await cuttable(fleet.database.appUrl);
  const replica = await fleet.replica({ LLM_AGENT_DATABASE_URL: way.url, LLM_AGENT_LEASE_MS: '60000' });
  const agentId = await fleet.createAgent();
  const asked = Promise.withResolvers<void>();
  const mayAnswer = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  fleet.model.play(async () => {
    asked.resolve();
    await mayAnswer.promise;
    async function* text() {
      yield 'Paid for.';
      answered.resolve();
    }
    return modelReplies.text(text());
  });
  const call = replica.executions.executeAgent({ agentId, prompt: 'x' }, { idempotencyKey: 'paid' });
  call.catch(() => undefined);
  await asked.promise;
  way.cut();
  mayAnswer.resolve();
  await answered.promise;
  way.mend();
  const end = await fleet.executions.executeAgent({ agentId, prompt: 'x' }, { idempotencyKey: 'paid' });
  expect(end).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'Paid for.' });
  expect(await fleet.ledger(end.id)).toEqual(['2']);
});
