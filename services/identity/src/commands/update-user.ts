import { UserUpdatedSchema } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Principal } from '@flotilla/grpc';
import { checkRevision, type Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { countOtherActiveAdmins, lockUser, saveUser } from '../db/user-repository.ts';
import { checkAssignable } from '../domain/role.ts';
import { changeUser, type User, type UserChange } from '../domain/user.ts';
import { toUserMessage } from '../messages/user-message.ts';

export async function updateUser(
  { permissions }: { readonly permissions: readonly string[] },
  tx: Tx<Schema>,
  by: Principal,
  { id, change, etag }: { readonly id: string; readonly change: UserChange; readonly etag: string },
): Promise<User> {
  if (change.role !== undefined) checkAssignable(change.role, by, permissions);
  // Administrators before the user, in the order of their ids: everyone locks in the same order.
  const otherActiveAdmins = await countOtherActiveAdmins(tx, id);
  const user = await lockUser(tx, id);
  if (user === undefined) throw new AppError('not_found', 'USER_NOT_FOUND', 'There is no such user.');
  checkRevision(user, etag);
  const saved = await saveUser(tx, changeUser(user, change, otherActiveAdmins));
  await appendEvent(tx, { schema: UserUpdatedSchema, message: { user: toUserMessage(saved) }, id });
  return saved;
}
