import { setTimeout as delay } from 'node:timers/promises';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { countLedger, type Ledger, recordsOf } from './ledger.ts';
import { createMoods, type Mood } from './moods.ts';
import { type Answer, createTracker } from './tracker.ts';

const text = { type: 'string', maxLength: 10_000 };

/** The tracker over HTTP: a stand-in for any ticket system that keeps idempotency keys. Listens when told. */
export function createTrackerServer(ledger: Ledger): FastifyInstance {
  const server = Fastify({ logger: false, forceCloseConnections: true });
  const tracker = createTracker(ledger);
  const moods = createMoods();
  let calming = new AbortController();
  const wait = (ms: number) => delay(ms, undefined, { signal: calming.signal }).catch(() => undefined);

  /** Applies a change in the tracker's present mood. */
  async function answer(reply: FastifyReply, on: Mood['on'], runId: string | undefined, apply: () => Answer) {
    const mood = moods.take(on, runId);
    if (mood !== undefined) ledger.append({ kind: 'treated', as: mood.action, on, runId: runId ?? '' });
    if (mood?.action === 'refuse') {
      return reply
        .code(mood.status ?? 503)
        .send({ status: mood.status ?? 503, reason: 'REFUSED', detail: 'The tracker refuses.' });
    }
    if (mood?.action === 'late') await wait(mood.ms ?? 0);
    const { status, body } = apply();
    if (mood?.action === 'hold') await wait(mood.ms ?? 0);
    return reply.code(status).send(body);
  }

  server.post<{ Body: { runId: string; title: string } }>(
    '/records',
    { schema: { body: { type: 'object', required: ['runId', 'title'], properties: { runId: text, title: text } } } },
    (request, reply) => answer(reply, 'open', request.body.runId, () => tracker.open(keyOf(request), request.body)),
  );
  server.post<{ Params: { id: string }; Body: { label: string } }>(
    '/records/:id/publish',
    { schema: { body: { type: 'object', required: ['label'], properties: { label: text } } } },
    (request, reply) =>
      answer(reply, 'publish', tracker.record(request.params.id)?.runId, () =>
        tracker.publish(keyOf(request), request.params.id, request.body),
      ),
  );
  server.post<{ Body: { key: string } }>(
    '/undo',
    { schema: { body: { type: 'object', required: ['key'], properties: { key: { ...text, minLength: 1 } } } } },
    (request, reply) => answer(reply, 'undo', tracker.runOfKey(request.body.key), () => tracker.undo(request.body.key)),
  );
  for (const [verb, locked] of [
    ['lock', true],
    ['unlock', false],
  ] as const) {
    server.post<{ Params: { id: string } }>(`/records/:id/${verb}`, (request, reply) => {
      const { status, body } = tracker.lock(request.params.id, locked);
      return reply.code(status).send(body);
    });
  }
  server.post<{ Body: Mood }>(
    '/moods',
    {
      schema: {
        body: {
          type: 'object',
          required: ['on', 'action'],
          additionalProperties: false,
          properties: {
            on: { enum: ['open', 'publish', 'undo'] },
            action: { enum: ['refuse', 'hold', 'late'] },
            runId: text,
            status: { type: 'integer', minimum: 400, maximum: 599 },
            ms: { type: 'integer', minimum: 0, maximum: 120_000 },
            times: { type: 'integer', minimum: 1, maximum: 10_000 },
          },
        },
      },
    },
    (request, reply) => {
      moods.add(request.body);
      return reply.code(204).send();
    },
  );
  // Ends every mood, also for the requests that wait in one.
  server.delete('/moods', (_request, reply) => {
    moods.clear();
    calming.abort();
    calming = new AbortController();
    return reply.code(204).send();
  });
  server.get('/state', () => ({
    ...countLedger(ledger.entries),
    records: [...recordsOf(ledger.entries).values()],
    entries: ledger.entries,
  }));
  server.get('/health', () => ({ status: 'ok' }));
  server.addHook('onClose', async () => ledger.close());
  return server;
}

function keyOf(request: FastifyRequest): string {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' ? key : '';
}
