import { containerPortBase, containerSurroundings } from './container-surroundings.ts';
import { describeFleet, portOffsets } from './fleet.ts';
import type { FleetProcess } from './fleet-process.ts';
import { kafkaSettings } from './native/servers/kafka.ts';
import { postgresSettings } from './native/servers/postgres.ts';
import { toYaml, type YamlValue } from './yaml.ts';

/** What the outside may reach, on the loopback interface of the machine. */
const published: Readonly<Record<string, readonly number[]>> = {
  gateway: [containerPortBase + portOffsets.gateway.http],
  tracker: [containerPortBase + portOffsets.tracker.http],
  maildev: [containerPortBase + portOffsets.maildev.web],
};

const stateful = new Set(['postgres', 'kafka', 'valkey', 'temporal', 'tracker', 'maildev']);

/** The whole fleet as a Compose file: the same processes, variables and order as on the native stack. */
export function renderCompose(): string {
  const processes = describeFleet({ portBase: containerPortBase, replicas: 1 }, containerSurroundings());
  const kinds = new Map(processes.map(({ name, kind }) => [name, kind]));
  const services = processes.map((one): [string, YamlValue] => [one.name, container(one, kinds)]);
  const volumes = [...stateful].map((name): [string, YamlValue] => [`${name}-state`, {}]);
  const head =
    '# Generated from deploy/fleet.ts: pnpm --dir deploy run generate. Secrets: node deploy/write-compose-env.ts\n';
  return (
    head + toYaml({ name: 'flotilla', services: Object.fromEntries(services), volumes: Object.fromEntries(volumes) })
  );
}

function container(one: FleetProcess, kinds: ReadonlyMap<string, FleetProcess['kind']>): YamlValue {
  const { name, program, kind, after, env, health } = one;
  const needs = after.map((other): [string, YamlValue] => [
    other,
    { condition: kinds.get(other) === 'task' ? 'service_completed_successfully' : 'service_healthy' },
  ]);
  const ports = (published[name] ?? []).map((port) => `127.0.0.1:${port}:${port}`);
  return {
    ...(program.kind === 'server' ? serverContainer(program.server, program.password ?? '') : ownImage(one)),
    ...(Object.keys(env).length > 0 ? { environment: env } : {}),
    ...(health.kind === 'http'
      ? { healthcheck: check(['CMD', 'node', '-e', fetchOnce(health.port, health.path)]) }
      : {}),
    ...(needs.length > 0 ? { depends_on: Object.fromEntries(needs) } : {}),
    ...(ports.length > 0 ? { ports } : {}),
    ...(stateful.has(name) ? { volumes: [`${name}-state:${stateFolders[name] ?? '/state'}`] } : {}),
    restart: kind === 'task' ? 'on-failure:5' : 'unless-stopped',
  };
}

function ownImage({ program }: FleetProcess): Record<string, YamlValue> {
  if (program.kind === 'server') return {};
  const script = program.kind === 'script' ? program.path : `${program.folder}/dist/main.js`;
  return {
    image: 'flotilla:local',
    build: { context: '.', dockerfile: 'deploy/Dockerfile' },
    command: ['node', '--disable-warning=TimeoutNegativeWarning', script, ...program.argv],
  };
}

const stateFolders: Readonly<Record<string, string>> = {
  postgres: '/var/lib/postgresql/data',
  kafka: '/var/lib/kafka/data',
  valkey: '/data',
};

function serverContainer(
  server: 'postgres' | 'kafka' | 'valkey' | 'temporal',
  password: string,
): Record<string, YamlValue> {
  switch (server) {
    case 'postgres': {
      const { listen_addresses: _address, unix_socket_directories: _sockets, ...settings } = postgresSettings;
      return {
        image: 'timescale/timescaledb:2.19.3-pg17',
        command: ['postgres', ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
        environment: { POSTGRES_PASSWORD: password, POSTGRES_INITDB_ARGS: '--data-checksums --auth=scram-sha-256' },
        healthcheck: check(['CMD', 'pg_isready', '-h', '127.0.0.1', '-U', 'postgres']),
      };
    }
    case 'kafka': {
      const place = { address: 'kafka:9092', bindHost: '0.0.0.0', port: 9092, secondPort: 9093 };
      const settings = Object.entries(kafkaSettings(place, '/var/lib/kafka/data'));
      const names = settings.map(([name, value]) => [`KAFKA_${name.toUpperCase().replaceAll('.', '_')}`, value]);
      return {
        image: 'apache/kafka:4.2.2',
        environment: { ...Object.fromEntries(names), KAFKA_HEAP_OPTS: '-Xms256m -Xmx512m' },
        healthcheck: check([
          'CMD',
          '/opt/kafka/bin/kafka-broker-api-versions.sh',
          '--bootstrap-server',
          '127.0.0.1:9092',
        ]),
      };
    }
    case 'valkey':
      return {
        image: 'valkey/valkey:8.1',
        command: ['valkey-server', '--appendonly', 'yes', '--save', '', '--requirepass', password],
        healthcheck: check(['CMD-SHELL', `valkey-cli -a ${password} --no-auth-warning ping | grep -q PONG`]),
      };
    case 'temporal':
      return {
        image: 'temporalio/temporal:1.9.1',
        user: 'root',
        command: [
          ...['server', 'start-dev', '--ip', '0.0.0.0', '--port', '7233', '--headless', '--log-level', 'warn'],
          ...['--db-filename', '/state/temporal.db'],
          ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
          ...['--dynamic-config-value', 'matching.enableFairness=true'],
        ],
        healthcheck: check(['CMD', 'temporal', 'operator', 'cluster', 'health', '--address', '127.0.0.1:7233']),
      };
  }
}

function check(test: readonly string[]): YamlValue {
  return { test: [...test], interval: '3s', timeout: '5s', retries: 40, start_period: '5s' };
}

function fetchOnce(port: number, path: string): string {
  return `fetch('http://127.0.0.1:${port}${path}').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))`;
}
