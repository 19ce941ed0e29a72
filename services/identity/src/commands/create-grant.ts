import { AppError } from '@flotilla/errors';
import type { Principal } from '@flotilla/grpc';
import type { Tx } from '@flotilla/postgres';
import { findGrantByPurpose, type Grant, insertGrant } from '../db/grant-repository.ts';
import type { Schema } from '../db/schema.ts';

/** Stores that a service may act for a user for one purpose; asked again, it answers the grant that there is. */
export async function createGrant(
  tx: Tx<Schema>,
  wish: { readonly id: string; readonly subject: Principal; readonly service: string; readonly purpose: string },
): Promise<string> {
  const { id, subject, service, purpose } = wish;
  const { userId } = subject;
  if (userId === undefined) {
    throw new AppError('failed_precondition', 'GRANT_NEEDS_USER', 'Only a user can be acted for later.');
  }
  const grant: Grant = { id, userId, service, purpose, permissions: [...subject.permissions] };
  if (await insertGrant(tx, grant)) return id;
  const known = await findGrantByPurpose(tx, grant);
  if (known?.userId !== userId) {
    throw new AppError('failed_precondition', 'PURPOSE_TAKEN', 'There is a grant of somebody else for this purpose.');
  }
  return known.id;
}
