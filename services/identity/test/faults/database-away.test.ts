import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootstrapKey, startIdentity } from '../harness.ts';

let identity: Awaited<ReturnType<typeof startIdentity>>;
let database: Awaited<ReturnType<typeof severableTo>>;

beforeAll(async () => {
  identity = await startIdentity();
  database = await severableTo(identity.database.appUrl);
});
afterAll(async () => {
  await identity.stop();
  await database.close();
});

test('without its database the service is unready and says so to callers; with it again it is well, without a restart', async () => {
  const through = await identity.start({ databaseUrl: database.url });
  const readiness = async () => {
    const response = await fetch(`http://127.0.0.1:${through.adminPort}/readyz`);
    return { status: response.status, body: await response.json() };
  };
  const exchange = () =>
    through.tokens.exchangeToken({ credential: { case: 'apiKey', value: bootstrapKey } }, { deadlineMs: 5_000 });
  try {
    expect(await readiness()).toMatchObject({ status: 200 });
    await exchange();

    database.cut();
    await eventually(async () =>
      expect(await readiness()).toMatchObject({
        status: 503,
        body: { ready: false, checks: { database: { ok: false } } },
      }),
    );
    await expect(exchange()).rejects.toMatchObject({ code: 'unavailable', reason: 'DATABASE_UNAVAILABLE' });
    expect((await fetch(`http://127.0.0.1:${through.adminPort}/livez`)).status).toBe(200);
    // What needs no database is still answered: other services go on checking tokens.
    await through.tokens.getSigningKeys({});

    database.mend();
    await eventually(async () => expect(await readiness()).toMatchObject({ status: 200 }), { timeoutMs: 30_000 });
    await exchange();
  } finally {
    through.tokens.close();
    await through.service.stop();
  }
});

/** A way to the database that can be cut and mended. */
async function severableTo(target: string) {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let whole = true;
  const server = createServer((socket) => {
    if (!whole) {
      socket.destroy();
      return;
    }
    const onward = connect(Number(port), hostname);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const cut = () => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    cut,
    mend: () => {
      whole = true;
    },
    close: async () => {
      cut();
      server.close();
    },
  };
}
