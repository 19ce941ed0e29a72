import pg from 'pg';

/** A table that tenants could see each other's rows in, and why. */
export interface UnprotectedTable {
  readonly table: string;
  readonly problem: string;
}

/**
 * Looks through the catalog for tables with a tenant, or within reach of a service's app, readonly or relay role, that
 * lack forced row-level security or the restrictive tenant policy. A service's tests expect none.
 *
 * @param url any role that may read the catalog
 */
export async function unprotectedTables(url: string): Promise<readonly UnprotectedTable[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rows } = await client.query<UnprotectedTable>(query);
    return rows;
  } finally {
    await client.end();
  }
}

const sameTenant = `(tenant_id = ( SELECT (NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text))::uuid AS "nullif"))`;

const query = `
with roles as (
  select r.oid from pg_roles r
  where r.rolname ~ '_(app|readonly|relay)$' and has_database_privilege(r.oid, current_database(), 'connect') and not r.rolsuper
), reachable as (
  select c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'
    and (
      exists (select from roles where has_schema_privilege(roles.oid, n.oid, 'usage')
        and has_table_privilege(roles.oid, c.oid, 'select, insert, update, delete, truncate'))
      or n.nspname = 'public' and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')
    )
    and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e')
)
select oid::regclass::text as table,
  case
    when not relrowsecurity then 'row-level security is off'
    when not relforcerowsecurity then 'row-level security is not forced'
    else 'the restrictive tenant policy is missing'
  end as problem
from reachable
where not relrowsecurity or not relforcerowsecurity or not exists (
  select from pg_policy p
  where p.polrelid = reachable.oid and not p.polpermissive and p.polcmd = '*' and p.polroles = '{0}'
    and pg_get_expr(p.polqual, p.polrelid) = '${sameTenant.replaceAll("'", "''")}'
    and pg_get_expr(p.polwithcheck, p.polrelid) = '${sameTenant.replaceAll("'", "''")}')
order by 1`;
