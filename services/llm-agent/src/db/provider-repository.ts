import { after, type Cursor, type ReadTx, type Selectable, type Tx } from '@flotilla/postgres';
import type { OfferedModel, Provider } from '../domain/provider.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'name',
  'slug',
  'kind',
  'base_url',
  'models',
  'default_model',
  'timeout_ms',
  'idle_timeout_ms',
  'owner_id',
  'status',
  'secret_updated_at',
  'created_by',
  'created_at',
  'updated_at',
  'revision',
] as const;

/** Throws already_exists PROVIDER_SLUG_TAKEN when another one has the slug: the index llm_providers_slug decides. */
export async function insertProvider(tx: Tx<Schema>, provider: Provider): Promise<Provider> {
  const row = await tx
    .insertInto('llm_providers')
    .values({
      ...toRow(provider),
      id: provider.id,
      tenant_id: tx.scope.tenantId,
      owner_id: provider.ownerId ?? null,
      slug: provider.slug,
      kind: provider.kind,
      created_by: provider.createdBy,
      revision: provider.revision,
    })
    .returning(['created_at', 'updated_at'])
    .executeTakeFirstOrThrow();
  return { ...provider, createdAt: row.created_at, updatedAt: row.updated_at };
}

/** The tenant's, or the caller's own. */
export async function findProvider(tx: ReadTx<Schema>, id: string): Promise<Provider | undefined> {
  const row = await visible(tx).where('id', '=', id).executeTakeFirst();
  return row && toProvider(row);
}

/** The provider of an owner (undefined: the tenant), locked until commit. */
export async function lockProvider(
  tx: Tx<Schema>,
  id: string,
  ownerId: string | undefined,
): Promise<Provider | undefined> {
  const row = await visible(tx)
    .where('id', '=', id)
    .where('owner_id', ownerId === undefined ? 'is' : '=', ownerId ?? null)
    .forUpdate()
    .executeTakeFirst();
  return row && toProvider(row);
}

/** By slug: the caller's own goes before the tenant's. Uses llm_providers_slug. */
export async function findProviderBySlug(tx: ReadTx<Schema>, slug: string): Promise<Provider | undefined> {
  const row = await visible(tx)
    .where('slug', '=', slug)
    .orderBy('owner_id', (order) => order.asc().nullsLast())
    .limit(1)
    .executeTakeFirst();
  return row && toProvider(row);
}

/** What agents of the caller can name. */
export async function listProviderSlugs(tx: ReadTx<Schema>): Promise<string[]> {
  return (await visible(tx).select('slug').execute()).map(({ slug }) => slug);
}

/** Newest first: ids sort by time. */
export async function listProviders(
  tx: ReadTx<Schema>,
  { slug }: { slug: string },
  page: { cursor: Cursor | undefined; limit: number },
): Promise<Provider[]> {
  let query = visible(tx);
  if (slug !== '') query = query.where('slug', '=', slug);
  const rows = await query
    .where(after<Schema, 'llm_providers'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toProvider);
}

/** Writes what `changeProvider` decided and counts the revision up. */
export async function updateProvider(tx: Tx<Schema>, provider: Provider): Promise<Provider> {
  const row = await tx
    .updateTable('llm_providers')
    .set({ ...toRow(provider), revision: provider.revision + 1 })
    .where('id', '=', provider.id)
    .returning(['revision', 'updated_at'])
    .executeTakeFirstOrThrow();
  return { ...provider, revision: row.revision, updatedAt: row.updated_at };
}

/** The row stays for what refers to it. */
export async function markProviderDeleted(tx: Tx<Schema>, provider: Provider, now: Date): Promise<void> {
  await tx
    .updateTable('llm_providers')
    .set({ deleted_at: now, secret_updated_at: null, revision: provider.revision + 1 })
    .where('id', '=', provider.id)
    .execute();
}

function visible(tx: ReadTx<Schema> | Tx<Schema>) {
  const userId = tx.scope.userId ?? null;
  return tx
    .selectFrom('llm_providers')
    .select(columns)
    .where('deleted_at', 'is', null)
    .where((eb) => eb.or([eb('owner_id', 'is', null), eb('owner_id', '=', userId)]));
}

function toRow(provider: Provider) {
  return {
    name: provider.name,
    base_url: provider.baseUrl,
    models: JSON.stringify(provider.models),
    default_model: provider.defaultModel,
    timeout_ms: provider.timeoutMs ?? null,
    idle_timeout_ms: provider.idleTimeoutMs ?? null,
    status: provider.status,
    secret_updated_at: provider.secretUpdatedAt ?? null,
  };
}

function toProvider(row: Pick<Selectable<Schema['llm_providers']>, (typeof columns)[number]>): Provider {
  return {
    id: row.id,
    name: row.name,
    slug: row.slug,
    kind: row.kind,
    baseUrl: row.base_url,
    models: row.models as unknown as OfferedModel[],
    defaultModel: row.default_model,
    timeoutMs: row.timeout_ms ?? undefined,
    idleTimeoutMs: row.idle_timeout_ms ?? undefined,
    ownerId: row.owner_id ?? undefined,
    status: row.status,
    secretUpdatedAt: row.secret_updated_at ?? undefined,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: row.revision,
  };
}
