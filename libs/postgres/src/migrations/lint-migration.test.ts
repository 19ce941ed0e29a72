import { expect, test } from 'vitest';
import { lintMigration } from './lint-migration.ts';
import { statementsOf } from './statements.ts';

const breaking = [
  'drop table loans',
  'DROP VIEW open_loans',
  'alter table loans drop column note',
  'alter table if exists loans drop note',
  'alter table loans rename to lendings',
  'alter table loans rename column note to remark',
  'alter table loans alter column note type integer',
  'alter table loans alter note set not null',
  'alter table loans add column due timestamptz not null',
  'alter table loans add column a int default 1, add column b int not null',
];
const harmless = [
  'alter table loans add column due timestamptz',
  `alter table loans add column due timestamptz not null default now()`,
  'alter table loans add constraint positive check (days > 0) not valid',
  'alter table loans drop constraint positive',
  'alter table loans alter column note drop not null',
  `comment on table loans is 'we drop table things; drop table loans'`,
  '-- drop table loans\nselect 1',
  'create function f() returns void language plpgsql as $body$ begin commit; drop table loans; end $body$',
  'create table fresh (id uuid); alter table fresh add column x int not null; alter table fresh rename to fresher',
];

test.each(breaking)('refuses what old code does not survive: %s', (sql) => {
  expect(lintMigration(sql)).toHaveLength(1);
  expect(lintMigration(`-- contract: nobody reads it since 1.4\n${sql}`)).toEqual([]);
});

test.each(harmless)('lets pass: %s', (sql) => {
  expect(lintMigration(sql)).toEqual([]);
});

test.each(['commit', 'begin; select 1', 'create index concurrently i on loans (id)', `notify wake, 'x'`])(
  'never allows: %s',
  (sql) => {
    expect(lintMigration(`-- contract: because\n${sql}`).length).toBeGreaterThan(0);
  },
);

test('quoting hides nothing and breaks nothing', () => {
  expect(statementsOf(`select 'it''s; fine'; /* ; */ select $$;$$; select $1; insert into t values (1)`)).toEqual([
    'select',
    'select',
    'select $1',
    'insert into t values (1)',
  ]);
});
