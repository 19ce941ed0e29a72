import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = fileURLToPath(new URL('./main.ts', import.meta.url));

describe('over a real tree', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lint-'));
    execFileSync('git', ['init', '-q'], { cwd: folder });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const run = () => spawnSync(process.execPath, [main, folder], { encoding: 'utf8' });

  test('nothing to read is a failure, not a pass', () => {
    expect(run()).toMatchObject({ status: 2, stderr: expect.stringContaining('Nothing was read') });
  });

  test('what is wrong is told with its place, what git ignores is not read', () => {
    write('.gitignore', 'ignored/\n');
    write('ignored/utils.ts', "import pg from 'pg';");
    write('services/lending/package.json', '{"name": "@flotilla/lending-service"}');
    write('services/lending/src/domain/loan.ts', "\nimport { readFile } from 'node:fs';\n");
    write('proto/lending/v1/loans.proto', '// A loan.\n'.repeat(401));
    const { status, stdout } = run();
    expect(status).toBe(1);
    expect(stdout).toContain('proto/lending/v1/loans.proto:1 file-length: 401 lines; at most 400');
    expect(stdout).toContain('services/lending/src/domain/loan.ts:2 layers: domain is pure: node:fs');
    expect(stdout).toContain('2 files, 1 imports, 2 problems, 0 waivers');
  });

  test('a clean tree passes', () => {
    write('proto/lending/v1/loans.proto', '// A loan.\n');
    write(
      'services/lending/src/domain/loan.ts',
      "import { AppError } from '@flotilla/errors';\nexport { AppError };\n",
    );
    expect(run()).toMatchObject({ status: 0 });
  });
});

test('Biome, as it is set up here, refuses what it is there to refuse', () => {
  const forbidden: Readonly<Record<string, string>> = {
    noProcessEnv: 'export const home = process.env.HOME;',
    noExplicitAny: 'export const a = (b: any) => b;',
    noConsole: 'console.log(1);',
    noNonNullAssertion: 'export const a = (b?: string) => b!;',
    useImportType: "import { A } from './a.ts'; export const b = (c: A) => c;",
    noUnusedImports: "import { a } from './a.ts';",
    noFloatingPromises: 'async function a() {} a();',
    useExhaustiveSwitchCases:
      "type A = 'x' | 'y'; export function b(a: A): number { switch (a) { case 'x': return 1; } return 2; }",
  };
  const folder = mkdtempSync(join(tmpdir(), 'biome-'));
  try {
    execFileSync('git', ['init', '-q'], { cwd: folder });
    copyFileSync(join(root, 'biome.json'), join(folder, 'biome.json'));
    writeFileSync(join(folder, '.gitignore'), '');
    for (const [rule, text] of Object.entries(forbidden)) writeFileSync(join(folder, `${rule}.ts`), `${text}\n`);
    writeFileSync(join(folder, 'config.ts'), 'export const home = process.env.HOME;\n');
    const biome = join(
      dirname(createRequire(join(root, 'package.json')).resolve('@biomejs/biome/package.json')),
      'bin/biome',
    );
    const { stdout, status } = spawnSync(process.execPath, [biome, 'lint', '--reporter=github', '.'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const found = [...stdout.matchAll(/title=lint\/\w+\/(\w+),file=([^,]+)/g)].map(
      ([, rule, file]) => `${rule} ${basename(file ?? '')}`,
    );
    expect(status).toBe(1);
    expect(found).toEqual(expect.arrayContaining(Object.keys(forbidden).map((rule) => `${rule} ${rule}.ts`)));
    expect(found.filter((each) => each.endsWith(' config.ts'))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
