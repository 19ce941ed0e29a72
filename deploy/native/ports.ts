import { createServer } from 'node:net';

/**
 * A TCP port of the loopback interface that nobody listens on now. It lies below the range from which the kernel takes
 * ports for outgoing connections, so it is still free when a killed server comes back to it.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (await isFree(port)) return port;
  }
  throw new Error('No free port between 15000 and 32000 on 127.0.0.1.');
}

/** Whether a server could listen on this port of the loopback interface. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
