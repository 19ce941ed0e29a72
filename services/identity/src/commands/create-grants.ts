import { AppError } from '@flotilla/errors';
import type { Principal } from '@flotilla/grpc';
import type { Tx } from '@flotilla/postgres';
import { findGrantsByPurpose, type Grant, insertGrants } from '../db/grant-repository.ts';
import type { Schema } from '../db/schema.ts';

/** Permissions that a service wants to keep. */
export interface GrantsWish {
  readonly newId: () => string;
  readonly subject: Principal;
  readonly service: string;
  readonly purposes: readonly string[];
}

/**
 * Stores that a service may act for a user, once for each purpose; asked again, it answers the grants that there are. Answers
 * their ids in the order of the purposes.
 */
export async function createGrants(tx: Tx<Schema>, wish: GrantsWish): Promise<string[]> {
  const { newId, subject, service, purposes } = wish;
  const { userId } = subject;
  if (userId === undefined) {
    throw new AppError('failed_precondition', 'GRANT_NEEDS_USER', 'Only a user can be acted for later.');
  }
  const permissions = [...subject.permissions];
  const grants: Grant[] = purposes.map((purpose) => ({ id: newId(), userId, service, purpose, permissions }));
  const made = await insertGrants(tx, grants);
  const others = grants.filter(({ id }) => !made.has(id)).map(({ purpose }) => purpose);
  const known = others.length === 0 ? [] : await findGrantsByPurpose(tx, service, others);
  const before = new Map(known.map((grant) => [grant.purpose, grant]));
  return grants.map(({ id, purpose }) => {
    if (made.has(id)) return id;
    const grant = before.get(purpose);
    if (grant?.userId !== userId) {
      throw new AppError('failed_precondition', 'PURPOSE_TAKEN', 'There is a grant of somebody else for this purpose.');
    }
    return grant.id;
  });
}
