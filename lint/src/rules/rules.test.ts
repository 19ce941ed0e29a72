import { describe, expect, test } from 'vitest';
import { lintTree } from '../lint-tree.ts';
import { rules } from './index.ts';

/** A small tree around the files under test: two services and a library, with their manifests. */
function lint(files: Record<string, string>) {
  const manifest = (name: string, exports: string[]) =>
    JSON.stringify({ name, exports: Object.fromEntries(exports.map((path) => [path, './src/index.ts'])) });
  return lintTree(
    new Map([
      ['package.json', manifest('flotilla', [])],
      ['services/lending/package.json', manifest('@flotilla/lending-service', ['./service', './config'])],
      ['services/buying/package.json', manifest('@flotilla/buying-service', ['./service', './config'])],
      ['libs/errors/package.json', manifest('@flotilla/errors', ['.'])],
      ...Object.entries(files),
    ]),
    rules,
  );
}

const found = (path: string, text: string) => lint({ [path]: text }).problems.map(({ rule }) => rule);

const lending = (path: string) => `services/lending/src/${path}`;

describe('each rule fails what it forbids', () => {
  test.each<[rule: string, path: string, text: string]>([
    ['file-length', lending('domain/loan.ts'), 'export {};\n'.repeat(401)],
    ['file-length', 'services/lending/test/loans.test.ts', 'export {};\n'.repeat(501)],
    ['file-length', 'proto/flotilla/lending/v1/loans.proto', '// A loan.\n'.repeat(401)],
    ['names', 'libs/utils/src/index.ts', 'export {};'],
    ['names', lending('helpers/loan.ts'), 'export {};'],
    ['names', lending('domain/common.ts'), 'export {};'],
    ['names', lending('domain/Loan.ts'), 'export {};'],
    ['names', lending('domain/loan.ts'), 'export class LoanManager {}'],
    ['names', lending('domain/loan.ts'), 'export interface LoanDTO { a: 1 }'],
    ['names', lending('domain/loan.ts'), 'export interface ILoan { a: 1 }'],
    ['names', lending('domain/loan.ts'), 'export function loanHelper() {}'],
    ['names', lending('domain/loan.ts'), 'export type LoanImpl = 1;'],
    ['package-borders', lending('grpc/loans.ts'), "import { a } from '../../../buying/src/a.ts';"],
    ['package-borders', lending('grpc/loans.ts'), "import { a } from '@flotilla/buying-service/service';"],
    ['package-borders', 'libs/errors/src/a.ts', "import { a } from '@flotilla/buying-service/service';"],
    ['package-borders', lending('grpc/loans.ts'), "import { a } from '@flotilla/errors/src/a.ts';"],
    ['package-borders', lending('grpc/loans.ts'), "export { a } from '../../../../libs/errors/src/a.ts';"],
    ['package-borders', lending('grpc/loans.ts'), "export const a = await import('../../../buying/src/a.ts');"],
    ['layers', lending('domain/loan.ts'), "import { a } from '../db/loan-repository.ts';"],
    ['layers', lending('domain/loan.ts'), "import type { Config } from '../config.ts';"],
    ['layers', lending('domain/loan.ts'), "import { readFile } from 'node:fs/promises';"],
    ['layers', lending('domain/loan.ts'), "import { sql } from '@flotilla/postgres';"],
    ['layers', lending('db/loan-repository.ts'), "import { lendBook } from '../commands/lend-book.ts';"],
    ['layers', lending('queries/get-loan.ts'), "import { lendBook } from '../commands/lend-book.ts';"],
    ['layers', lending('commands/lend-book.ts'), "import { loans } from '../grpc/loans.ts';"],
    ['layers', lending('messages/loan-message.ts'), "import { findLoan } from '../db/loan-repository.ts';"],
    ['layers', lending('grpc/loans.ts'), "import { onBookLost } from '../events/on-book-lost.ts';"],
    ['layers', lending('commands/lend-book.ts'), "import { createService } from '../service.ts';"],
    ['layers', lending('service.ts'), "import './main.ts';"],
    ['layers', lending('temporal/workflows/lend.ts'), "import { lendBook } from '../../commands/lend-book.ts';"],
    ['layers', lending('temporal/workflows/lend.ts'), "import { lendActivity } from '../activities.ts';"],
    ['drivers', lending('db/loan-repository.ts'), "import pg from 'pg';"],
    ['drivers', lending('db/loan-repository.ts'), "import { sql } from 'kysely';"],
    ['drivers', lending('events/on-book-lost.ts'), "import { Kafka } from 'kafkajs';"],
    ['explicit-columns', lending('db/loan-repository.ts'), 'export const a = `select * from loans`;'],
    ['explicit-columns', lending('db/loan-repository.ts'), 'export const a = db.selectFrom("loans").selectAll();'],
    ['explicit-columns', lending('db/migrations/1-a.sql'), 'create view v as SELECT l.* FROM loans l;'],
  ])('%s: %s %s', (rule, path, text) => {
    expect(found(path, text)).toEqual([rule]);
  });
});

describe('what is fine passes', () => {
  test.each<[path: string, text: string]>([
    [lending('domain/loan.ts'), `${'export {};\n'.repeat(400)}`],
    [lending('domain/loan.ts'), "import { AppError } from '@flotilla/errors'; import type { Book } from './book.ts';"],
    [lending('domain/loan.test.ts'), "import { expect } from 'vitest';"],
    [lending('grpc/loans.ts'), "import { lendBook } from '../commands/lend-book.ts';"],
    [lending('messages/loan-message.ts'), "import type { Loan } from '../db/loan-repository.ts';"],
    [lending('main.ts'), "import { createService } from './service.ts';"],
    [
      lending('temporal/workflows/lend.ts'),
      "import type { Activities } from '../activities.ts'; import { lend } from '../contract.ts';",
    ],
    [
      lending('db/loan-repository.ts'),
      'export const a = `select * from book_by_hash(${1})`; export const b = `select count(*) from loans`;',
    ],
    ['services/lending/test/loans.test.ts', "import { createService } from '@flotilla/buying-service/service';"],
    ['libs/postgres/src/connection.ts', "import pg from 'pg';"],
    [lending('domain/identity.ts'), 'export interface Identity { a: 1 } export function id() {}'],
    [lending('gen/common.ts'), "import pg from 'pg';"],
  ])('%s %s', (path, text) => {
    expect(found(path, text)).toEqual([]);
  });
});

test('a waiver carries its reason and is listed; without a reason it is none', () => {
  const waived = lint({
    [lending('db/a.ts')]: "// drivers: speaks the replication protocol\nimport pg from 'pg';\n",
    [lending('db/b.ts')]: `// file-length: a table that is read as a whole\n${'export {};\n'.repeat(401)}`,
    [lending('db/c.ts')]: "// drivers:\nimport pg from 'pg';\n",
  });
  expect(waived.waivers.map(({ path, reason }) => [path, reason])).toEqual([
    [lending('db/a.ts'), 'speaks the replication protocol'],
    [lending('db/b.ts'), 'a table that is read as a whole'],
  ]);
  expect(waived.problems.map(({ path, rule }) => [path, rule])).toEqual([[lending('db/c.ts'), 'drivers']]);
});

test('code that cannot be parsed is refused instead of passed', () => {
  expect(() => lint({ [lending('db/a.ts')]: 'import {' })).toThrowError('cannot be read');
});
