import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exchange } from '../exchange.ts';
import type { ServerDefinition } from '../server-definition.ts';

export const valkey: ServerDefinition = {
  kind: 'valkey',
  stopSignal: 'SIGTERM',
  url: ({ port, password }) => `redis://:${password}@127.0.0.1:${port}`,

  async prepare({ stateDir, port, password, settings }) {
    await mkdir(join(stateDir, 'data'), { recursive: true, mode: 0o700 });
    const lines = Object.entries({
      bind: '127.0.0.1',
      port: String(port),
      dir: '/state/data',
      appendonly: 'yes',
      appendfsync: 'everysec',
      save: '""',
      requirepass: password,
      ...settings,
    }).map(([name, value]) => `${name} ${value}\n`);
    await writeFile(join(stateDir, 'valkey.conf'), lines.join(''), { mode: 0o600 });
  },

  argv: () => ['/usr/bin/valkey-server', '/state/valkey.conf'],

  /** While it loads its data it takes the password but refuses PING. */
  async isReady({ port, password }) {
    const twoLines = (reply: Buffer) => reply.toString('latin1').split('\r\n').length > 2;
    const reply = await exchange(port, Buffer.from(`AUTH ${password}\r\nPING\r\n`), twoLines);
    return reply.toString('latin1') === '+OK\r\n+PONG\r\n';
  },
};
