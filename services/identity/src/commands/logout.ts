import type { Call } from '@flotilla/grpc';
import { hashSecret } from '@flotilla/secrets';
import { findBySession } from '../db/credential-lookups.ts';
import { revokeSessions } from '../db/session-repository.ts';
import type { Surroundings } from '../surroundings.ts';

/** Ends a session. One that has ended or never was is no error: there is nothing left to end. */
export async function logout({ db, now }: Surroundings, call: Call, sessionToken: string): Promise<void> {
  const session = await db.withoutTenant((tx) => findBySession(tx, hashSecret(sessionToken)));
  if (session === undefined) return;
  const { tenantId, userId, id } = session;
  const scope = { tenantId, userId, actor: { type: 'user', id: userId }, traceparent: call.traceparent };
  await db.inTenant(scope, (tx) => revokeSessions(tx, { id }, now()));
}
