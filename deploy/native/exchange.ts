import { connect } from 'node:net';

/**
 * Sends bytes to a local port and answers what comes back, as soon as it is whole (by default: as soon as there is any).
 * @throws Error when nobody answers within `timeoutMs`
 */
export function exchange(
  port: number,
  request: Uint8Array,
  isWhole = (reply: Buffer) => reply.length > 0,
  timeoutMs = 2_000,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`port ${port} did not answer within ${timeoutMs} ms`)));
    socket.once('connect', () => socket.write(request));
    let reply = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      reply = Buffer.concat([reply, chunk]);
      if (!isWhole(reply)) return;
      resolve(reply);
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`port ${port} closed the connection`)));
  });
}
