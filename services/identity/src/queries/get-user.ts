import { AppError } from '@flotilla/errors';
import type { ReadTx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { findUser } from '../db/user-repository.ts';
import type { User } from '../domain/user.ts';

export async function getUser(tx: ReadTx<Schema>, id: string): Promise<User> {
  const user = await findUser(tx, id);
  if (user === undefined) throw new AppError('not_found', 'USER_NOT_FOUND', 'There is no such user.');
  return user;
}
