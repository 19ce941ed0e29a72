import { UserDeletedSchema } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { revokeGrantsOfUser } from '../db/grant-repository.ts';
import type { Schema } from '../db/schema.ts';
import { revokeSessions } from '../db/session-repository.ts';
import { countOtherActiveAdmins, lockUser, markUserDeleted } from '../db/user-repository.ts';
import { checkDeletable } from '../domain/user.ts';
import { toUserMessage } from '../messages/user-message.ts';
import { revokeKeys } from './revoke-api-key.ts';

/** Removes a user, and with them everything by which somebody could act as them. */
export async function deleteUser(tx: Tx<Schema>, id: string, etag: string, now: Date): Promise<void> {
  const otherActiveAdmins = await countOtherActiveAdmins(tx, id);
  const user = await lockUser(tx, id);
  if (user === undefined) throw new AppError('not_found', 'USER_NOT_FOUND', 'There is no such user.');
  checkRevision(user, etag);
  checkDeletable(user, otherActiveAdmins);
  await markUserDeleted(tx, user, now);
  await revokeKeys(tx, { userId: id }, now);
  await revokeSessions(tx, { userId: id }, now);
  await revokeGrantsOfUser(tx, id, now);
  const deleted = { ...user, status: 'inactive' as const, revision: user.revision + 1 };
  await appendEvent(tx, { schema: UserDeletedSchema, message: { user: toUserMessage(deleted) }, id });
}
