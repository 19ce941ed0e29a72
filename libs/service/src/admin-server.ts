import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '@flotilla/errors';
import type { Metrics } from '@flotilla/observability';

/** What `/readyz` says. */
export interface Readiness {
  readonly ready: boolean;
  readonly state: string;
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** What became of one part's check. */
export interface CheckResult {
  readonly ok: boolean;
  readonly reason?: string;
  /** Says nothing about being ready. */
  readonly optional?: boolean;
}

/** The HTTP server for probes and Prometheus; it listens before anything else does and closes last. */
export interface AdminServer {
  listen(): Promise<{ readonly port: number }>;
  close(): Promise<void>;
}

/** Creates it: `/livez`, `/readyz`, `/metrics`. */
export function createAdminServer(
  host: string,
  port: number,
  metrics: Metrics,
  readiness: () => Promise<Readiness>,
): AdminServer {
  const pages: Record<string, () => Promise<[status: number, type: string, body: string]>> = {
    '/livez': async () => [200, 'text/plain', 'alive\n'],
    '/readyz': async () => {
      const answer = await readiness();
      return [answer.ready ? 200 : 503, 'application/json', `${JSON.stringify(answer)}\n`];
    },
    '/metrics': async () => [200, metrics.contentType, await metrics.text()],
  };
  const server: Server = createServer((request, response) => {
    const page = request.method === 'GET' ? pages[request.url?.split('?')[0] ?? ''] : undefined;
    (page?.() ?? Promise.resolve([404, 'text/plain', 'not found\n'] as const)).then(
      ([status, type, body]) => response.writeHead(status, { 'content-type': type }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  server.requestTimeout = 5_000;

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', (cause) => {
          reject(new AppError('unavailable', 'CANNOT_LISTEN', `Cannot listen on ${host}:${port}.`, { cause }));
        });
        server.listen(port, host, () => resolve({ port: (server.address() as AddressInfo).port }));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
