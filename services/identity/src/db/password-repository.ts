import { type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** A password as it is kept, and how often it was guessed wrong. */
export interface StoredPassword {
  readonly passwordHash: string;
  readonly lockedUntil: Date | undefined;
}

export async function insertPassword(tx: Tx<Schema>, userId: string, passwordHash: string): Promise<void> {
  await tx
    .insertInto('user_credentials')
    .values({ user_id: userId, tenant_id: tx.scope.tenantId, password_hash: passwordHash })
    .execute();
}

export async function findPassword(tx: ReadTx<Schema>, userId: string): Promise<StoredPassword | undefined> {
  const row = await tx
    .selectFrom('user_credentials')
    .select(['password_hash', 'locked_until'])
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row && { passwordHash: row.password_hash, lockedUntil: row.locked_until ?? undefined };
}

/** Counts a wrong guess; the one that fills the measure locks the account. One statement, so that no guess is lost in a race. */
export async function countFailure(
  tx: Tx<Schema>,
  userId: string,
  { attempts, lockedUntil, now }: { readonly attempts: number; readonly lockedUntil: Date; readonly now: Date },
): Promise<void> {
  await sql`
    update user_credentials set
      failed_attempts = case when failed_attempts + 1 >= ${attempts} then 0 else failed_attempts + 1 end,
      locked_until = case when failed_attempts + 1 >= ${attempts} then ${lockedUntil}::timestamptz else locked_until end
    where user_id = ${userId} and (locked_until is null or locked_until <= ${now}::timestamptz)`.execute(tx);
}

/** Forgets wrong guesses after a right one. Answers whether the account was still open. */
export async function clearFailures(tx: Tx<Schema>, userId: string, now: Date): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('user_credentials')
    .set({ failed_attempts: 0, locked_until: null })
    .where('user_id', '=', userId)
    .where((is) => is.or([is('locked_until', 'is', null), is('locked_until', '<=', now)]))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
