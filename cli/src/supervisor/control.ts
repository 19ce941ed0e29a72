import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Supervisor } from './supervisor.ts';

/** What the command line may ask the supervisor for. */
export type Order = 'kill' | 'restart' | 'hold' | 'release';

/** Listens on the socket for the command line: `GET /status`, `GET /measured`, `POST /stop`, `POST /<order>?process=&signal=`. */
export async function listenForOrders(
  socket: string,
  supervisor: Supervisor,
  onStop: () => Promise<void>,
): Promise<Server> {
  rmSync(socket, { force: true });
  const server = createServer((request, response) => {
    answer(request, supervisor, onStop).then(
      (body) => reply(response, 200, body),
      (error: unknown) => reply(response, 400, { error: error instanceof Error ? error.message : String(error) }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
  return server;
}

async function answer(request: IncomingMessage, supervisor: Supervisor, onStop: () => Promise<void>): Promise<unknown> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://supervisor');
  const what = `${request.method} ${pathname}`;
  if (what === 'GET /status') return supervisor.status();
  if (what === 'GET /measured') return await supervisor.measured();
  if (what === 'POST /stop') {
    await onStop();
    return {};
  }
  const process = supervisor.named(searchParams.get('process') ?? '');
  const signal = (searchParams.get('signal') ?? undefined) as NodeJS.Signals | undefined;
  switch (what) {
    case 'POST /kill':
      await process.kill(signal ?? 'SIGKILL');
      break;
    case 'POST /restart':
      await process.restart();
      break;
    case 'POST /hold':
      await process.hold(signal);
      break;
    case 'POST /release':
      process.release();
      break;
    default:
      throw new Error(`unknown order ${what}`);
  }
  return process.status();
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
