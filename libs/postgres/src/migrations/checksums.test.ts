import { mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepChecksums } from './checksums.ts';
import { migrationSet } from './migration-set.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-checksums-'));
  await write('20261123-create-loans', 'create table loans ()');
  await keep();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const list = () => join(folder, 'checksums.gen.json');
const write = (name: string, sql: string) => writeFile(join(folder, `${name}.sql`), sql);
const keep = async (add = true) => keepChecksums(list(), await migrationSet(folder), add);

test('a new migration joins the list, wherever its name sorts', async () => {
  await write('20261122-create-books', 'create table books ()');
  expect(await keep(false)).toBe(false);
  expect(await keep()).toBe(false);
  expect(await keep()).toBe(true);
  const names = Object.keys(JSON.parse(await readFile(list(), 'utf8')) as object);
  expect(names).toEqual(expect.arrayContaining(['20261122-create-books', '20261123-create-loans']));
});

test('a migration that is on the list does not change, and the list keeps what it was', async () => {
  const before = await readFile(list(), 'utf8');
  await write('20261123-create-loans', 'create table loans (id uuid)');
  await expect(keep()).rejects.toMatchObject({ reason: 'MIGRATION_CHANGED' });
  expect(await readFile(list(), 'utf8')).toBe(before);
});

test('a migration that is on the list does not go', async () => {
  await unlink(join(folder, '20261123-create-loans.sql'));
  await expect(keep()).rejects.toMatchObject({ reason: 'MIGRATION_MISSING' });
});
