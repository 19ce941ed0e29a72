import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openLink } from './link.ts';
import { countConnections } from './socket-owner.ts';

test('the link knows who waits for an answer, and the process table whose connection that is', async () => {
  const server = createServer(
    (socket) => void socket.on('data', (data) => data.toString() === 'ping' && socket.write('pong')),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const link = await openLink('server', () => (server.address() as AddressInfo).port);
  onTestFinished(async () => {
    await link.close();
    server.close();
  });
  const [answered, waiting] = [connect(link.port, '127.0.0.1'), connect(link.port, '127.0.0.1')];
  await Promise.all([once(answered, 'connect'), once(waiting, 'connect')]);
  answered.write('ping');
  waiting.write('what?');
  await once(answered, 'data');
  await expect.poll(() => [...link.asking]).toEqual([waiting.localPort]);
  expect(countConnections(process.pid, link.asking)).toBe(1);
  expect(countConnections(process.pid, new Set())).toBe(0);
});
