// node deploy/native/hold-test-servers.ts <env file> <state folder>
// Keeps backing servers for tests until SIGTERM or SIGINT; the file gets one `export NAME='value'` a line.
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { startTestServers } from './test-servers.ts';

const [envFile, stateDir] = process.argv.slice(2);
if (envFile === undefined || stateDir === undefined)
  throw new Error('usage: hold-test-servers.ts <env file> <state folder>');

const told = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
const held = await startTestServers(stateDir);
const lines = Object.entries(held.env).map(([name, value]) => `export ${name}='${value}'\n`);
await writeFile(envFile, lines.join(''), { mode: 0o600 });
process.stdout.write(`servers ready, variables in ${envFile}\n`);
const alive = setInterval(() => undefined, 60_000);
await told;
clearInterval(alive);
await held.stop();
await rm(envFile, { force: true });
