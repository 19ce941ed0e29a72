import { UserCreatedSchema } from '@flotilla/contracts/identity';
import { appendEvent } from '@flotilla/events';
import type { Call } from '@flotilla/grpc';
import type { Tx } from '@flotilla/postgres';
import { insertPassword } from '../db/password-repository.ts';
import type { Schema } from '../db/schema.ts';
import { insertUser } from '../db/user-repository.ts';
import { checkAssignable, type Role } from '../domain/role.ts';
import type { User } from '../domain/user.ts';
import { toUserMessage } from '../messages/user-message.ts';
import type { Surroundings } from '../surroundings.ts';

/** Creates a user of the caller's tenant. The password is hashed before the transaction begins. */
export async function createUser(
  { db, hasher, now, newId, permissions }: Surroundings,
  call: Call,
  wish: { email: string; password: string; role: Role; username: string; firstName: string; lastName: string },
): Promise<ReturnType<typeof toUserMessage>> {
  const { password, ...about } = wish;
  checkAssignable(wish.role, call.principal, permissions);
  const passwordHash = await hasher.hash(password);
  return db.write(call, async (tx) => toUserMessage(await addUser(tx, { ...about, id: newId(), passwordHash }, now())));
}

/** Adds a user to the tenant of the transaction. */
export async function addUser(
  tx: Tx<Schema>,
  wish: { id: string; email: string; role: Role; passwordHash: string } & Partial<User>,
  now: Date,
): Promise<User> {
  const { passwordHash, ...about } = wish;
  const user: User = {
    username: '',
    firstName: '',
    lastName: '',
    ...about,
    tenantId: tx.scope.tenantId,
    status: 'active',
    emailVerified: false,
    lastLoginAt: undefined,
    createdAt: now,
    updatedAt: now,
    revision: 1,
  };
  await insertUser(tx, user);
  await insertPassword(tx, user.id, passwordHash);
  await appendEvent(tx, { schema: UserCreatedSchema, message: { user: toUserMessage(user) }, id: user.id });
  return user;
}
