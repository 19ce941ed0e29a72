import pg from 'pg';
import { platformTables } from './platform/index.ts';

interface Column {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly key: boolean;
}

interface Reference {
  readonly from: string;
  readonly to: string;
  readonly columns: string;
}

/**
 * The entity-relationship diagram of a migrated database as Mermaid text, the tables of this library left out.
 * Deterministic, so that it can be compared with the committed file.
 */
export async function generateEntityDiagram(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const columns = await client.query<Column>(columnsQuery, [platformTables]);
    const references = await client.query<Reference>(referencesQuery);
    const entities = [...Map.groupBy(columns.rows, ({ table }) => table)].map(([table, rows]) => entityOf(table, rows));
    const relations = references.rows.map(({ from, to, columns }) => `  ${to} ||--o{ ${from} : "${columns}"\n`);
    return `erDiagram\n${entities.join('')}${relations.join('')}`;
  } finally {
    await client.end();
  }
}

function entityOf(table: string, columns: readonly Column[]): string {
  const lines = columns.map(({ column, type, key }) => `    ${type} ${column}${key ? ' PK' : ''}\n`);
  return `  ${table} {\n${lines.join('')}  }\n`;
}

const columnsQuery = `
select c.relname as table, a.attname as column, ltrim(t.typname, '_') || case when t.typname like '\\_%' then '_list' else '' end as type,
  exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and a.attnum = any (i.indkey)) as key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
where c.relkind in ('r', 'p') and not c.relispartition and c.relname <> all ($1::text[])
  and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e')
order by c.relname, a.attnum`;

const referencesQuery = `
select k.conrelid::regclass::text as from, k.confrelid::regclass::text as to,
  (select string_agg(a.attname, ', ' order by u.place) from unnest(k.conkey) with ordinality u (number, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number and a.attname <> 'tenant_id') as columns
from pg_constraint k
join pg_class c on c.oid = k.conrelid and not c.relispartition
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
where k.contype = 'f' and k.conparentid = 0
order by 1, 2, 3`;
