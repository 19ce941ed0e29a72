import { AppError } from '@flotilla/errors';
import type { ReadTx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { findTenant } from '../db/tenant-repository.ts';
import type { Tenant } from '../domain/tenant.ts';

export async function getTenant(tx: ReadTx<Schema>, id: string): Promise<Tenant> {
  const tenant = await findTenant(tx, id);
  if (tenant === undefined) throw new AppError('not_found', 'TENANT_NOT_FOUND', 'There is no such tenant.');
  return tenant;
}
