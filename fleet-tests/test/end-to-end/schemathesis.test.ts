import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { services } from '@flotilla/contracts';
import { http } from '@flotilla/contracts/http';
import { installed, spawnSandboxed } from '@flotilla/deploy';
import { modelReplies, type ScriptedModel } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildEstate } from './estate.ts';
import { type Fleet, openFleet } from './fleet.ts';
import { unready } from './footprint.ts';

const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
];

interface Report {
  readonly operations: { readonly total: number; readonly tested: number };
  readonly test_cases: { readonly generated: number };
}

let fleet: Fleet;
let model: ScriptedModel;
beforeAll(async () => {
  fleet = await openFleet();
  model = await fleet.playModel([modelReplies.text('Hello.')]);
});
afterAll(() => model.stop());

test('whatever Schemathesis makes of /openapi.json, no answer is a 5xx and none is undocumented', async () => {
  // It finds out ids from answers, and would suspend the user whom it acts for.
  const { operations, test_cases } = await schemathesis(45, '--exclude-path=/v1/users/{id}');
  expect(operations.tested).toBe(operations.total - streams - 3);
  expect(test_cases.generated).toBeGreaterThan(100);
});

test('the same of what changes users', async () => {
  const { operations, test_cases } = await schemathesis(6, '--include-path=/v1/users/{id}');
  expect(operations.tested).toBe(3);
  expect(test_cases.generated).toBeGreaterThan(3);
});

/** They stay open, and have tests of their own. */
const streams = services.flatMap(({ methods }) => methods).filter(isStreamOverRest).length;

function isStreamOverRest(method: DescMethod): boolean {
  return method.methodKind === 'server_streaming' && getOption(method, http).pattern.case !== undefined;
}

/** Runs it for so many seconds at most, in a tenant of its own that has one of everything. */
async function schemathesis(seconds: number, ...filters: readonly string[]): Promise<Report> {
  const tenant = await fleet.newTenant();
  await buildEstate(fleet, tenant);
  const { tenantSlug, email, password } = tenant;
  // Not the key: it would find that, and revoke it.
  const { sessionToken } = await fleet.ok('POST', '/v1/sessions', { body: { tenantSlug, email, password } });
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-schemathesis-'));
  const options = {
    header: `Authorization: Bearer ${sessionToken}`,
    checks: checks.join(','),
    phases: 'examples,coverage,fuzzing',
    'max-examples': '5',
    'max-time': String(seconds),
    'request-timeout': '40',
    workers: '4',
    // A red run can be had again.
    seed: '20261123',
    'generation-database': 'none',
    'suppress-health-check': 'all',
    // They would come on top of the session, and two credentials are refused before anything else is looked at.
    'generation-with-security-parameters': 'false',
    'exclude-path-regex': ':(watch|stream)$',
    report: 'json',
    'report-json-path': '/state/report.json',
  };
  try {
    const { sandbox } = spawnSandboxed({
      root: join(await installed('root'), 'rootfs'),
      partDir: await installed('schemathesis'),
      stateDir: folder,
      env: { PYTHONPATH: '/part/site', COLUMNS: '160' },
      argv: [
        '/part/site/bin/schemathesis',
        'run',
        ...Object.entries(options).map(([name, value]) => `--${name}=${value}`),
        ...filters,
        '--continue-on-failure',
        '--no-color',
        `${fleet.url}/openapi.json`,
      ],
      output: 'pipe',
    });
    if (sandbox.stdout === null) throw new Error('no output');
    const closed = new Promise<number | null>((resolve) => sandbox.once('close', resolve));
    const [said, code] = await Promise.all([text(sandbox.stdout), closed]);
    expect(code, said.slice(-12_000)).toBe(0);
    expect((await fleet.call('GET', '/v1/tenants/none', { key: sessionToken })).status).not.toBe(401);
    expect(await unready(fleet)).toEqual([]);
    return JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as Report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
