import { statementsOf } from './statements.ts';

/** A change that old code, still running during the roll-out, does not survive. */
interface Rule {
  readonly finds: RegExp;
  readonly why: string;
  /** Never allowed, not even with a reason. */
  readonly always?: boolean;
}

const rules: readonly Rule[] = [
  { finds: /^drop (table|view|materialized view|type)\b/, why: 'drops what running code may use' },
  {
    finds: /^alter table .*\bdrop (column\b|(?!constraint|default|not null|identity|expression)\w)/,
    why: 'drops a column that running code may use',
  },
  { finds: /^alter (table|view|type) .*\brename\b/, why: 'renames what running code may use' },
  { finds: /^alter table .*\balter (column )?\S+ (set data )?type\b/, why: 'changes the type of a column' },
  { finds: /^alter table .*\balter (column )?\S+ set not null\b/, why: 'refuses rows that running code still writes' },
  {
    finds: /^(begin|start transaction|commit|end|rollback|abort|savepoint)\b/,
    why: 'ends the transaction that every migration runs in',
    always: true,
  },
  {
    finds: /^(create|drop) index concurrently\b|^reindex .*concurrently\b/,
    why: 'cannot run in a transaction',
    always: true,
  },
  { finds: /^notify\b/, why: 'NOTIFY serializes all writers at commit', always: true },
];

/**
 * Checks a migration against expand–contract: old code works on the new schema. What breaks that needs a line
 * `-- contract: <reason>` saying why nobody uses it any more. Tables made in the same file are free.
 *
 * @returns problems in words; none when it is fine
 */
export function lintMigration(sql: string): readonly string[] {
  const contracts = /^--\s*contract:\s*\S/m.test(sql);
  const statements = statementsOf(sql);
  const created = new Set(statements.flatMap((statement) => createdTable(statement) ?? []));
  return statements.flatMap((statement) => {
    const table = /^(?:alter|drop) table (?:if exists )?(?:only )?([\w.]+)/.exec(statement)?.[1];
    const problems = [
      ...rules.filter(
        ({ finds, always }) => finds.test(statement) && (always || !(contracts || (table && created.has(table)))),
      ),
      ...(addsRequiredColumn(statement) && !contracts && !(table && created.has(table))
        ? [{ why: 'adds a column that running code does not fill: give it a default' }]
        : []),
    ];
    return problems.map(({ why }) => `${why}: ${statement.slice(0, 100)}`);
  });
}

function createdTable(statement: string): string | undefined {
  return /^create (?:unlogged )?table (?:if not exists )?([\w.]+)/.exec(statement)?.[1];
}

function addsRequiredColumn(statement: string): boolean {
  if (!/^alter table\b/.test(statement)) return false;
  return statement
    .split(/,(?![^(]*\))/)
    .some(
      (part) =>
        /\badd (?!constraint|primary|unique|foreign|check|generated)/.test(part) &&
        /\bnot null\b/.test(part) &&
        !/\b(default|generated)\b/.test(part),
    );
}
