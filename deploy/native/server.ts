import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { installed } from './install.ts';
import { freePort } from './ports.ts';
import { type Sandboxed, spawnSandboxed } from './sandbox.ts';
import type { ServerDefinition, ServerKind, ServerPlace } from './server-definition.ts';
import { kafka } from './servers/kafka.ts';
import { postgres } from './servers/postgres.ts';
import { temporal } from './servers/temporal.ts';
import { valkey } from './servers/valkey.ts';

const definitions: Readonly<Record<ServerKind, ServerDefinition>> = { postgres, kafka, valkey, temporal };

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Where a server shall live. Everything but the state folder has a default. */
export interface ServerOptions {
  /** Made when missing. A server started again on the same folder finds its state again. */
  readonly stateDir: string;
  readonly port?: number;
  /** Kafka's controller port. */
  readonly secondPort?: number;
  /** Postgres and Valkey; by default random and kept in the state folder. */
  readonly password?: string;
  /** Extra settings in the server's own words. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Gets what the server prints; by default it is appended to `<stateDir>/<kind>.log`. */
  readonly onOutput?: (chunk: Buffer) => void;
  /** How long the server may take until it answers. */
  readonly readyTimeoutMs?: number;
  /** Gives up starting, and ends what was begun. */
  readonly signal?: AbortSignal;
}

/** A server that answered at least once. It dies with the process that started it. */
export interface RunningServer {
  readonly kind: ServerKind;
  /** The server's own process, as this machine sees it. Changes with a restart. */
  readonly pid: number;
  readonly port: number;
  /** host:port */
  readonly address: string;
  /** With credentials: for clients that take one string. */
  readonly url: string;
  /** Settles when the present process ends. */
  readonly exited: Promise<Exit>;
  /** Whether it answers now. */
  isReady(): Promise<boolean>;
  /** Sends a signal, SIGKILL by default; a SIGKILL resolves when the process and all its children are gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Orderly end; SIGKILL after 20 s. Harmless when it has ended. */
  stop(): Promise<void>;
  /** Starts again on the same state and port (after an orderly end, if it still runs) and waits until it answers. */
  restart(): Promise<void>;
}

/**
 * Starts a real backing server in the native stack and waits until it answers in its own protocol.
 * Installs what is missing first.
 * @example
 * const server = await startServer('postgres', { stateDir });
 * await server.kill('SIGKILL');
 * await server.restart();
 */
export async function startServer(kind: ServerKind, options: ServerOptions): Promise<RunningServer> {
  const definition = definitions[kind];
  await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
  const place: ServerPlace = {
    stateDir: options.stateDir,
    port: options.port ?? (await freePort()),
    secondPort: options.secondPort ?? (await freePort()),
    password: options.password ?? (await keptPassword(options.stateDir)),
    settings: options.settings ?? {},
  };
  const start = () => startOnce(definition, place, options);
  let current = await start();
  return {
    kind,
    get pid() {
      return current.pid;
    },
    port: place.port,
    address: `127.0.0.1:${place.port}`,
    url: definition.url(place),
    get exited() {
      return current.exited;
    },
    isReady: () => definition.isReady(place).catch(() => false),
    async kill(signal = 'SIGKILL') {
      signalProcess(current.pid, signal);
      if (signal === 'SIGKILL') await current.exited;
    },
    stop: () => stopProcess(current, definition.stopSignal),
    async restart() {
      await stopProcess(current, definition.stopSignal);
      current = await start();
    },
  };
}

interface Incarnation {
  readonly pid: number;
  readonly exited: Promise<Exit>;
}

async function startOnce(
  definition: ServerDefinition,
  place: ServerPlace,
  options: ServerOptions,
): Promise<Incarnation> {
  const root = join(await installed('root'), 'rootfs');
  const partDir = definition.part === undefined ? undefined : await installed(definition.part);
  const spawnHere = (argv: readonly string[], env = definition.env ?? {}) =>
    spawnLogged(
      (output) => spawnSandboxed({ root, stateDir: place.stateDir, partDir, argv, env, output }),
      definition.kind,
      place,
      options,
    );

  await definition.prepare(place, async (argv, env) => {
    const { exited, printed } = spawnHere(argv, env);
    const { code } = await exited;
    if (code !== 0) throw new Error(`${argv[0]} failed for ${definition.kind}:\n${await printed()}`);
  });

  options.signal?.throwIfAborted();
  const { started, exited, printed } = spawnHere(definition.argv(place));
  const pid = await started.programPid;
  let ended = false;
  void exited.then(() => {
    ended = true;
  });
  const deadline = performance.now() + (options.readyTimeoutMs ?? 90_000);
  while (pid !== undefined && !ended && performance.now() < deadline && options.signal?.aborted !== true) {
    if (await definition.isReady(place).catch(() => false)) return { pid, exited };
    await delay(50);
  }
  if (pid !== undefined && !ended) signalProcess(pid, 'SIGKILL');
  await exited;
  options.signal?.throwIfAborted();
  throw new Error(`${definition.kind} did not become ready on port ${place.port}:\n${await printed()}`);
}

/** Starts with the output going where the options say; `printed` gives its last lines for an error. */
function spawnLogged(
  start: (output: number | 'pipe') => Sandboxed,
  kind: ServerKind,
  { stateDir }: ServerPlace,
  { onOutput }: ServerOptions,
) {
  const log = join(stateDir, `${kind}.log`);
  const file = onOutput === undefined ? openSync(log, 'a', 0o600) : undefined;
  const started = start(file ?? 'pipe');
  if (file !== undefined) closeSync(file);
  const tail: Buffer[] = [];
  for (const stream of onOutput === undefined ? [] : [started.sandbox.stdout, started.sandbox.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      tail.push(chunk);
      if (tail.length > 20) tail.shift();
      onOutput?.(chunk);
    });
  }
  const exited = new Promise<Exit>((resolve) => {
    started.sandbox.once('exit', (code, signal) => resolve({ code, signal }));
    started.sandbox.once('error', () => resolve({ code: 127, signal: null }));
  });
  const printed = async () => {
    const all = onOutput === undefined ? await readFile(log, 'utf8') : Buffer.concat(tail).toString('utf8');
    return all.split('\n').slice(-15).join('\n');
  };
  return { started, exited, printed };
}

async function stopProcess({ pid, exited }: Incarnation, signal: NodeJS.Signals): Promise<void> {
  signalProcess(pid, signal);
  // A stopped process hears nothing until it goes on.
  signalProcess(pid, 'SIGCONT');
  const patience = new AbortController();
  const impatient = delay(20_000, 'late', { signal: patience.signal, ref: false }).catch(() => 'ended');
  if ((await Promise.race([exited, impatient])) === 'late') signalProcess(pid, 'SIGKILL');
  patience.abort();
  await exited;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code !== 'ESRCH') throw problem;
  }
}

async function keptPassword(stateDir: string): Promise<string> {
  const file = join(stateDir, 'password');
  const kept = await readFile(file, 'utf8').catch(() => '');
  if (kept !== '') return kept;
  const password = randomBytes(18).toString('base64url');
  await writeFile(file, password, { mode: 0o600 });
  return password;
}
