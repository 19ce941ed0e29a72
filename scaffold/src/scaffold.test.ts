import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { newFiles } from './new-files.ts';
import { freePort, register } from './registrations.ts';
import { serviceNames } from './service-names.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const template = (name: string): string => read(`scaffold/template/${name}.template`);
const names = serviceNames('order-desk', 'library-book', undefined, 7409);

describe('names', () => {
  test('are spelled in every way', () => {
    expect(names).toMatchObject({
      domain: 'order_desk',
      SERVICE: 'ORDER_DESK',
      resource: 'libraryBook',
      Resources: 'LibraryBooks',
      table: 'library_books',
      word: 'library book',
    });
    expect(serviceNames('a', 'entry', undefined, 1).kebabs).toBe('entries');
    expect(serviceNames('a', 'person', 'people', 1).table).toBe('people');
  });

  test.each([
    ['OrderDesk', 'book'],
    ['desk', 'Book'],
    ['../desk', 'book'],
    ['desk', ''],
  ])('%s %s is refused', (service, resource) => {
    expect(() => serviceNames(service, resource, undefined, 1)).toThrowError('kebab-case');
  });
});

test('every file has its names filled in and its own path', () => {
  const files = newFiles(names, template, new Date('2026-12-01T10:00:00Z'));
  for (const [path, text] of files) {
    expect(path).not.toContain('{{');
    expect(text).not.toMatch(/\{\{\w+\}\}/);
  }
  expect([...files.keys()]).toContain('services/order-desk/src/db/migrations/20261201100000-create-library-books.sql');
});

test('the places where a service is named are where they are looked for', () => {
  const changed = register(names, read);
  expect([...changed.keys()].sort()).toEqual([
    'deploy/fleet.ts',
    'libs/contracts/package.json',
    'libs/contracts/src/methods.ts',
    'services/gateway/src/config.ts',
  ]);
  for (const [path, text] of changed) expect([path, text.includes('order')]).toEqual([path, true]);
  expect(() => register(names, () => 'something else')).toThrowError('were not found');
});

test('ports are not given twice', () => {
  const fleet = read('deploy/fleet.ts');
  const port = freePort(fleet);
  const changed = register({ ...names, port: String(port) }, read).get('deploy/fleet.ts') ?? '';
  expect(freePort(changed)).not.toBe(port);
});
