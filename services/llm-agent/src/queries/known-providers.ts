import type { ReadTx } from '@flotilla/postgres';
import { listProviderSlugs } from '../db/provider-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { KnownProviders } from '../domain/agent.ts';

/** What an agent of the caller can name: the operator's providers, the tenant's, and the caller's own. */
export async function knownProviders(tx: ReadTx<Schema>, shared: ReadonlySet<string>): Promise<KnownProviders> {
  return new Set([...shared, ...(await listProviderSlugs(tx))]);
}
