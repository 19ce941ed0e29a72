import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { ExecutionService } from '@flotilla/contracts/agent';
import { UserService } from '@flotilla/contracts/identity';
import { currentTraceparent, newTraceparent, traceIdOf, withTraceparent } from '@flotilla/observability';
import { expect, test, vi } from 'vitest';
import { currentCausation, withCausation, withDeadline } from '../src/index.ts';
import { partly, startServer, tokenFor, untilAborted } from './harness.ts';

const id = '01938f5e-7b7a-7000-8000-000000000001';
const permissions = ['users:read', 'users:write', 'agents:read', 'agents:execute'];
const update = (text: string) => ({ update: { case: 'textDelta' as const, value: text } });

test('a deadline shrinks from call to call, and nothing is called when it has passed', async () => {
  const leftMs: number[] = [];
  const token = await tokenFor({ permissions });
  const inner = await startServer([
    partly(UserService, {
      getUser: async (_request, call) => {
        leftMs.push(call.deadline.getTime() - Date.now());
        return { id };
      },
    }),
  ]);
  const innerUsers = inner.clientOf(UserService, token);
  const outer = await startServer([
    partly(UserService, {
      getUser: async (request, call) => {
        leftMs.push(call.deadline.getTime() - Date.now());
        return innerUsers.getUser(request, { deadlineMs: 60_000 });
      },
    }),
  ]);
  await outer.clientOf(UserService, token).getUser({ id }, { deadlineMs: 3_000 });
  const [first = 0, second = 0] = leftMs;
  expect(first).toBeLessThanOrEqual(3_000);
  expect(second).toBeLessThan(first);
  await expect(withDeadline(new Date(Date.now() - 1), () => innerUsers.getUser({ id }))).rejects.toMatchObject({
    code: 'deadline_exceeded',
  });
  expect(leftMs).toHaveLength(2);
});

test('what a handler leaves behind when it has answered has time of its own; what it still does itself has not', async () => {
  const token = await tokenFor({ permissions });
  const inner = await startServer([partly(UserService, { getUser: async () => ({ id }) })]);
  const innerUsers = inner.clientOf(UserService, token);
  const outcomes = new Map<string, Promise<unknown>>();
  const later = () => pause(300).then(() => innerUsers.getUser({ id }));
  const outer = await startServer([
    partly(UserService, {
      getUser: async () => {
        outcomes.set('left behind', later());
        return { id };
      },
      listUsers: async () => {
        const late = later();
        outcomes.set('too late', late);
        await late;
        return {};
      },
    }),
  ]);
  const users = outer.clientOf(UserService, token);
  await users.getUser({ id }, { deadlineMs: 200 });
  await expect(users.listUsers({}, { deadlineMs: 200 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  expect(await outcomes.get('left behind')).toMatchObject({ id });
  await expect(outcomes.get('too late')).rejects.toMatchObject({ code: 'deadline_exceeded' });
});

test('a call without a deadline gets the default one, and a handler that ignores its signal keeps nobody waiting', async () => {
  const { clientOf } = await startServer([partly(UserService, { getUser: () => new Promise(() => undefined) })], {
    defaultDeadlineMs: 150,
  });
  const users = clientOf(UserService, await tokenFor({ permissions }));
  const forever = Number.POSITIVE_INFINITY;
  await expect(users.getUser({ id }, { deadlineMs: forever })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  await expect(users.getUser({ id }, { deadlineMs: 100 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
});

test('a caller who hangs up aborts the handler’s signal', async () => {
  let reason: unknown;
  let entered = () => {};
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const { clientOf } = await startServer([
    partly(UserService, {
      getUser: async (_request, call) => {
        entered();
        reason = await untilAborted(call);
        return { id };
      },
    }),
  ]);
  const controller = new AbortController();
  const answer = clientOf(UserService, await tokenFor({ permissions })).getUser({ id }, { signal: controller.signal });
  await inside;
  controller.abort();
  await expect(answer).rejects.toMatchObject({ code: 'cancelled' });
  await vi.waitFor(() => expect(reason).toMatchObject({ code: 'cancelled' }));
});

test('the trace of the caller goes on in the handler', async () => {
  const { clientOf } = await startServer([
    partly(UserService, {
      getUser: async (_request, call) => ({ id: call.traceparent, username: currentTraceparent() ?? '' }),
    }),
  ]);
  const users = clientOf(UserService, await tokenFor({ permissions }));
  const traceparent = newTraceparent();
  const user = await withTraceparent(traceparent, 'test', () => users.getUser({ id }));
  expect(traceIdOf(user.id)).toBe(traceIdOf(traceparent));
  expect(traceIdOf(user.username)).toBe(traceIdOf(traceparent));
});

test('how many events led to a call is known in its handler, and to the calls made in there', async () => {
  const { clientOf } = await startServer([
    partly(UserService, {
      getUser: async (_request, call) => ({
        id: String(call.causationDepth),
        username: String(currentCausation()),
      }),
    }),
  ]);
  const users = clientOf(UserService, await tokenFor({ permissions }));
  expect(await users.getUser({ id })).toMatchObject({ id: 'undefined', username: 'undefined' });
  expect(await withCausation(0, () => users.getUser({ id }))).toMatchObject({ id: '0', username: '0' });
  expect(await withCausation(7, () => users.getUser({ id }))).toMatchObject({ id: '7', username: '7' });
});

test('a stream arrives in order and ends with the error that the handler throws', async () => {
  const { clientOf } = await startServer([
    partly(ExecutionService, {
      async *watchExecution() {
        yield update('a');
        yield update('b');
        throw new RangeError('inside');
      },
    }),
  ]);
  const seen: string[] = [];
  const reading = async () => {
    for await (const { update: got } of clientOf(ExecutionService, await tokenFor({ permissions })).watchExecution({
      id,
    })) {
      if (got.case === 'textDelta') seen.push(got.value);
    }
  };
  await expect(reading()).rejects.toMatchObject({ code: 'internal', reason: 'INTERNAL' });
  expect(seen).toEqual(['a', 'b']);
});

test('a reader that stops reading stops the handler: what is produced stays bounded', async () => {
  const chunk = 'x'.repeat(64 * 1024);
  let produced = 0;
  let finished = false;
  const { clientOf } = await startServer([
    partly(ExecutionService, {
      async *watchExecution() {
        try {
          for (; produced < 5_000; produced += 1) {
            yield update(chunk);
            await turn();
          }
        } finally {
          finished = true;
        }
      },
    }),
  ]);
  const stream = clientOf(ExecutionService, await tokenFor({ permissions }))
    .watchExecution({ id })
    [Symbol.asyncIterator]();
  await stream.next();
  let before = -1;
  await vi.waitUntil(
    () => {
      const settled = produced === before; // unchanged for one interval: the pipe is full
      before = produced;
      return settled;
    },
    { interval: 300, timeout: 20_000 },
  );
  expect(produced * chunk.length).toBeLessThan(20 * 2 ** 20);
  expect(finished).toBe(false);
  for (let i = 0; i < 100; i += 1) await stream.next();
  await vi.waitFor(() => expect(produced).toBeGreaterThan(before)); // reading on lets it go on
  await stream.return?.();
  await vi.waitFor(() => expect(finished).toBe(true)); // and leaving ends it
});

test('a stream on which nothing moves ends', async () => {
  const { clientOf } = await startServer(
    [
      partly(ExecutionService, {
        async *watchExecution(_request, call) {
          yield update('a');
          await untilAborted(call);
        },
      }),
    ],
    { streamIdleMs: 200 },
  );
  const stream = clientOf(ExecutionService, await tokenFor({ permissions }))
    .watchExecution({ id })
    [Symbol.asyncIterator]();
  await stream.next();
  await expect(stream.next()).rejects.toMatchObject({ code: 'deadline_exceeded', reason: 'STREAM_IDLE' });
});

test('draining finishes the calls that run, ends followers at once, takes no new ones', async () => {
  let release = () => {};
  let inside = 0;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { server, clientOf } = await startServer([
    partly(UserService, {
      getUser: async () => {
        inside += 1;
        await released;
        return { id };
      },
    }),
    partly(ExecutionService, {
      async *watchExecution(_request, call) {
        yield update('a');
        await untilAborted(call);
      },
    }),
  ]);
  const token = await tokenFor({ permissions });
  const running = clientOf(UserService, token).getUser({ id });
  const following = clientOf(ExecutionService, token).watchExecution({ id })[Symbol.asyncIterator]();
  await following.next();
  await vi.waitFor(() => expect(inside).toBe(1));
  const drained = server.drain(10_000);
  await expect(following.next()).rejects.toMatchObject({ code: 'unavailable', reason: 'SHUTTING_DOWN' });
  await expect(clientOf(UserService, token).getUser({ id }, { deadlineMs: 2_000 })).rejects.toMatchObject({
    code: 'unavailable',
  });
  release();
  expect(await running).toMatchObject({ id });
  await drained;
  expect(inside).toBe(1);
});

test('a call that does not end within the grace is told so', async () => {
  let inside = 0;
  const { server, clientOf } = await startServer([
    partly(UserService, {
      createUser: () => {
        inside += 1;
        return new Promise(() => undefined);
      },
    }),
  ]);
  const stuck = clientOf(UserService, await tokenFor({ permissions })).createUser({
    email: 'a@example.com',
    password: 'correct horse battery',
  });
  const outcome = stuck.catch((error: unknown) => error);
  await vi.waitFor(() => expect(inside).toBe(1));
  await server.drain(100);
  expect(await outcome).toMatchObject({ code: 'unavailable', reason: 'SHUTTING_DOWN' });
});

test('a server that nobody runs is unavailable, and a read is answered once it is there again', async () => {
  const first = await startServer([partly(UserService, { getUser: async () => ({ id }) })]);
  const users = first.clientOf(UserService, await tokenFor({ permissions }));
  await users.getUser({ id });
  await first.server.drain(0);
  await expect(users.getUser({ id }, { deadlineMs: 2_000 })).rejects.toMatchObject({
    code: 'unavailable',
    reason: 'SERVICE_UNAVAILABLE',
  });
  await startServer([partly(UserService, { getUser: async () => ({ id }) })], { port: first.port });
  await vi.waitFor(() => users.getUser({ id }, { deadlineMs: 2_000 }), { timeout: 10_000 });
});

test('calls above the limit are refused with a time to come back', async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { clientOf } = await startServer(
    [
      partly(UserService, {
        getUser: async () => {
          await released;
          return { id };
        },
      }),
    ],
    { maxConcurrentCalls: 2 },
  );
  const users = clientOf(UserService, await tokenFor({ permissions }));
  const outcomes = Promise.allSettled([1, 2, 3].map(() => users.getUser({ id })));
  await pause(0);
  await vi.waitFor(async () => {
    await expect(users.getUser({ id })).rejects.toMatchObject({ reason: 'OVERLOADED', retryAfterMs: 1_000 });
  });
  release();
  expect((await outcomes).filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
});
