import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { databasePrefix, portOffsets, replicaOffset } from './fleet.ts';
import { isFree } from './native/ports.ts';
import { openSecrets, secretValue } from './secrets.ts';

/** One process as `./flotilla status --json` shows it. */
export interface ProcessView {
  readonly name: string;
  readonly state: string;
  readonly pid?: number;
  readonly restarts: number;
}

/** Where a fleet is. */
export interface FleetSite {
  readonly stateDir: string;
  readonly portBase: number;
  /** Of each service. */
  readonly replicas: number;
}

/** A fleet beside any other on this machine, started by the same command, on state and ports of its own. */
export interface OwnFleet {
  readonly site: FleetSite;
  /** Of the gateway. */
  readonly url: string;
  /** The first administrator's. */
  readonly apiKey: string;
  readonly temporalAddress: string;
  readonly trackerUrl: string;
  /** A superuser's URL of one of its databases: `workflow_db`, or by service: `workflow`. */
  databaseUrl(database: string): string;
  /** The fleet's own command, as a person would give it. Resolves to what it printed. */
  command(...argv: readonly string[]): Promise<string>;
  processes(): Promise<readonly ProcessView[]>;
  /** Ends it; its state goes too unless it is kept. */
  stop(keep?: { readonly state: boolean }): Promise<void>;
}

/** What such a fleet is started with. */
export interface OwnFleetOptions {
  /** Whose bundles run: the checkout, or a copy of it. */
  readonly workspace: string;
  readonly stateDir: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly replicas?: number;
  /** Ports that must be free besides those of its processes, counted from its base. */
  readonly furtherPorts?: readonly number[];
  /** Further variables of its services, for which its ports and secrets may be needed. */
  readonly overrides?: (site: {
    readonly portBase: number;
    readonly secret: (name: string) => string;
  }) => Record<string, string>;
}

/** @throws Error with what `up` printed when the fleet does not start */
export async function startOwnFleet(options: OwnFleetOptions): Promise<OwnFleet> {
  const { workspace, stateDir, environment, replicas = 1 } = options;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const portBase = await freePortBase(replicas, options.furtherPorts ?? []);
  const site: FleetSite = { stateDir, portBase, replicas };
  const secretsFile = join(stateDir, 'secrets.json');
  const env = {
    ...environment,
    ...options.overrides?.({ portBase, secret: (name) => secretValue(openSecrets(secretsFile), name) }),
  };
  const command = (...argv: readonly string[]) => runFlotilla(workspace, site, env, argv);
  const at = (offset: number) => `127.0.0.1:${portBase + offset}`;
  try {
    await command('up', '--replicas', String(replicas));
  } catch (problem) {
    await command('down').catch(() => undefined);
    throw problem;
  }
  // Opened only now: `up` has added to the file.
  const secrets = openSecrets(secretsFile);
  return {
    site,
    url: `http://${at(portOffsets.gateway.http)}`,
    apiKey: secretValue(secrets, 'bootstrap/api-key'),
    temporalAddress: at(portOffsets.temporal.grpc),
    trackerUrl: `http://${at(portOffsets.tracker.http)}`,
    databaseUrl(database) {
      const isWhole = database === 'postgres' || database.endsWith('_db');
      const name = isWhole ? database : `${databasePrefix(database)}_db`;
      return `postgres://postgres:${secrets.text('postgres')}@${at(portOffsets.postgres.sql)}/${name}`;
    },
    command,
    async processes() {
      return (JSON.parse(await command('status', '--json')) as { processes: ProcessView[] }).processes;
    },
    async stop(keep) {
      await command('down');
      if (keep?.state !== true) rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

/**
 * The one command's program, with the Node that runs this, for the fleet of a site. Resolves to what it printed.
 * @throws Error with that and with what was wrong when it fails
 */
export async function runFlotilla(
  workspace: string,
  { stateDir, portBase }: FleetSite,
  environment: NodeJS.ProcessEnv,
  argv: readonly string[],
): Promise<string> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'cli/src/main.ts', ...argv], {
    cwd: workspace,
    env: { ...environment, FLOTILLA_STATE_DIR: stateDir, FLOTILLA_PORT_BASE: String(portBase) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [out, problems, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  // `status` exits with 1 where something is not well, and says what.
  if (code !== 0 && argv[0] !== 'status') throw new Error(`flotilla ${argv.join(' ')}:\n${problems}${out}`);
  return out;
}

/** A base from which every port of the fleet is free, below those that the kernel gives to outgoing connections. */
async function freePortBase(replicas: number, further: readonly number[]): Promise<number> {
  const offsets = Object.values(portOffsets).flatMap((ports): number[] => Object.values(ports));
  const own = Array.from({ length: replicas }, (_, index) => replicaOffset(index + 1)).flatMap((up) =>
    offsets.map((offset) => offset + up),
  );
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const base = 15_000 + 100 * Math.floor(Math.random() * 160);
    const free = await Promise.all([...own, ...further].map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('No range of free ports between 15000 and 31000 on 127.0.0.1.');
}
