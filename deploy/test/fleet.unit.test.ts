import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { renderCompose } from '../compose.ts';
import { describeFleet } from '../fleet.ts';
import { newClusterId } from '../native/servers/kafka.ts';
import { nativeSurroundings } from '../native-surroundings.ts';
import { openSecrets } from '../secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'flotilla-fleet-'));
const fleetOf = (replicas: number) => {
  const shape = { portBase: 7400, replicas };
  const secrets = openSecrets(join(folder, 'secrets.json'));
  return describeFleet(shape, nativeSurroundings(shape, { secrets, stateDir: folder, modelPath: '/model.gguf' }));
};

describe.each([1, 2, 3])('a fleet with %i of each service', (replicas) => {
  const fleet = fleetOf(replicas);

  test('gives every process a name and ports of its own', () => {
    const names = fleet.map(({ name }) => name);
    const ports = fleet.flatMap((one) => Object.values(one.ports));
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(ports).size).toBe(ports.length);
  });

  test('can be started: every need is a process and none waits for itself', () => {
    const started = new Set<string>();
    let left = fleet;
    while (left.length > 0) {
      const ready = left.filter(({ after }) => after.every((name) => started.has(name)));
      expect(ready, `stuck: ${left.map(({ name }) => name).join(', ')}`).not.toHaveLength(0);
      for (const { name } of ready) started.add(name);
      left = left.filter(({ name }) => !started.has(name));
    }
  });

  test('tells a gRPC client of every replica', () => {
    const gateway = fleet.find(({ name }) => name === 'gateway');
    const address = gateway?.env['FLOTILLA_WORKFLOW_ADDRESS'] ?? '';
    const ports = fleet.filter(({ name }) => /^workflow(-\d)?$/.test(name)).map((one) => one.ports['grpc']);
    expect(ports).toHaveLength(replicas);
    for (const port of ports) expect(address).toContain(`127.0.0.1:${port}`);
  });
});

test('every service but the local model can be told where traces go', () => {
  for (const { name, program, env } of fleetOf(1)) {
    const traces = program.kind === 'service' && name !== 'local-model';
    expect('OTEL_EXPORTER_OTLP_ENDPOINT' in env, name).toBe(traces);
  }
});

test('the id of a Kafka cluster never looks like an option', () => {
  const drawn = [Buffer.alloc(16, 0xf8), Buffer.alloc(16, 0xfb), Buffer.alloc(16, 1)];
  const id = newClusterId(() => drawn.shift() ?? Buffer.alloc(16));
  expect(id).toBe(Buffer.alloc(16, 1).toString('base64url'));
});

test('only a migration gets the role that may change tables', () => {
  for (const { name, env } of fleetOf(1)) {
    const knows = Object.keys(env).some((variable) => variable.includes('MIGRATOR_DATABASE_URL'));
    expect(knows, name).toBe(name.startsWith('migrate-'));
  }
});

test('identity knows the fingerprints of the secrets of all callers, not the secrets', () => {
  const fleet = fleetOf(1);
  const identity = fleet.find(({ name }) => name === 'identity');
  const workflow = fleet.find(({ name }) => name === 'workflow');
  expect(identity?.env['IDENTITY_SERVICE_CREDENTIALS']).toMatch(/(^|,)workflow:[0-9a-f]{64}(,|$)/);
  expect(JSON.stringify(identity?.env)).not.toContain(workflow?.env['WORKFLOW_CLIENT_SECRET']);
});

test('secrets are made once and are for their owner only', () => {
  const file = join(folder, 'kept.json');
  const made = openSecrets(file).text('database/audit_app');
  expect(made).toMatch(/^[A-Za-z0-9]{24}$/);
  expect(openSecrets(file).text('database/audit_app')).toBe(made);
  expect(openSecrets(file).text('database/audit_relay')).not.toBe(made);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('docker-compose.yml is what the fleet says', () => {
  expect(readFileSync(join(import.meta.dirname, '../../docker-compose.yml'), 'utf8')).toBe(renderCompose());
});

test('docker-compose.yml holds no secret, only places for them', () => {
  const passwords = [...renderCompose().matchAll(/:\/\/[a-z_]*:([^@"]*)@/g)].map(([, password]) => password);
  expect(passwords.length).toBeGreaterThan(10);
  for (const password of passwords) expect(password).toMatch(/^\$\{FLOTILLA_SECRET_[A-Z0-9_]+:\?[^}]*\}$/);
});
