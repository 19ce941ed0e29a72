import pg from 'pg';
import { platformTables } from './platform/index.ts';

interface Column {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly generated: boolean;
  readonly always: boolean;
  readonly checks: readonly string[];
}

// By the type's name in the catalog; arrays are handled apart.
const types: Readonly<Record<string, string>> = {
  bool: 'boolean',
  int2: 'number',
  int4: 'number',
  float4: 'number',
  float8: 'number',
  int8: 'Int8',
  numeric: 'Numeric',
  timestamptz: 'Timestamp',
  timestamp: 'Timestamp',
  bytea: 'Bytes',
  json: 'Json',
  jsonb: 'Json',
};

/**
 * The TypeScript of a migrated database: one interface for each table, `Schema` over them. Columns with a check of the
 * form `column in ('a', 'b')` become unions. Deterministic, so that it can be compared with the committed file.
 */
export async function generateSchemaTypes(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rows } = await client.query<Column>(query, [platformTables]);
    const tables = [...Map.groupBy(rows, ({ table }) => table)];
    const body = [
      ...tables.map(([table, columns]) => interfaceOf(table, columns)),
      schemaOf(tables.map(([table]) => table)),
    ];
    const used = ['Bytes', 'Generated', 'GeneratedAlways', 'Int8', 'Json', 'Numeric', 'Timestamp'].filter((name) =>
      body.some((text) => new RegExp(`\\b${name}\\b`).test(text)),
    );
    const imports = used.length === 0 ? '' : `import type { ${used.join(', ')} } from '@flotilla/postgres';\n\n`;
    return `// Generated from the migrated database by the generate script. Do not edit.\n${imports}${body.join('\n')}`;
  } finally {
    await client.end();
  }
}

function interfaceOf(table: string, columns: readonly Column[]): string {
  const lines = columns.map((column) => `  ${column.column}: ${typeOf(column)};`);
  return `export interface ${pascalCase(table)} {\n${lines.join('\n')}\n}\n`;
}

function schemaOf(tables: readonly string[]): string {
  return `export interface Schema {\n${tables.map((table) => `  ${table}: ${pascalCase(table)};`).join('\n')}\n}\n`;
}

function typeOf({ column, type, nullable, generated, always, checks }: Column): string {
  const isArray = type.startsWith('_');
  const item = types[isArray ? type.slice(1) : type] ?? unionOf(column, checks) ?? 'string';
  const full = `${isArray ? `${item}[]` : item}${nullable ? ' | null' : ''}`;
  if (always) return `GeneratedAlways<${full}>`;
  return generated ? `Generated<${full}>` : full;
}

/** `CHECK ((status = ANY (ARRAY['a'::text, 'b'::text])))` is how the server keeps `status in ('a', 'b')`. */
function unionOf(column: string, checks: readonly string[]): string | undefined {
  for (const check of checks) {
    const list = new RegExp(`^CHECK \\(\\(${column} = ANY \\(ARRAY\\[([^\\]]*)\\]\\)\\)\\)$`).exec(check)?.[1];
    const values = list?.match(/'(?:[^']|'')*'/g);
    if (values) return values.join(' | ');
  }
  return undefined;
}

function pascalCase(name: string): string {
  return name.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
}

const query = `
select c.relname as table, a.attname as column, t.typname as type, not a.attnotnull as nullable,
  a.atthasdef or a.attidentity <> '' as generated, a.attidentity = 'a' or a.attgenerated <> '' as always,
  array(select pg_get_constraintdef(k.oid) from pg_constraint k
    where k.conrelid = c.oid and k.contype = 'c' and a.attnum = any (k.conkey) order by k.conname) as checks
from pg_class c
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition and c.relname <> all ($1::text[])
  and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e')
order by c.relname, a.attnum`;
