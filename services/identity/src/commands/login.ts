import { AppError, toAppError } from '@flotilla/errors';
import type { Call } from '@flotilla/grpc';
import type { TransactionScope } from '@flotilla/postgres';
import { hashSecret, newSecret } from '@flotilla/secrets';
import { clearFailures, countFailure, findPassword, type StoredPassword } from '../db/password-repository.ts';
import { insertSession } from '../db/session-repository.ts';
import { findTenantBySlug } from '../db/tenant-repository.ts';
import { findUserByEmail, markLogin } from '../db/user-repository.ts';
import { checkStanding, type Standing } from '../domain/standing.ts';
import type { User } from '../domain/user.ts';
import { loginAction } from '../messages/login-action.ts';
import type { Surroundings } from '../surroundings.ts';
import { addActions } from './record-actions.ts';

/** What logging in needs beside the usual. */
export interface Login extends Surroundings {
  readonly sessionTtlMs: number;
  readonly lockout: { readonly attempts: number; readonly durationMs: number };
  /** Where refusals are recorded that belong to no tenant. */
  readonly operatorTenant: () => string;
}

interface Candidate {
  readonly user: User;
  readonly password: StoredPassword;
  readonly standing: Standing;
}

interface Opened {
  readonly sessionToken: string;
  readonly expiresAt: Date;
  readonly user: User;
}

const nobody = '00000000-0000-0000-0000-000000000000';

/**
 * Opens a session. Whatever is wrong (tenant, address, password, too many tries), the answer and the work done are the
 * same; only who knows the password learns that the user or the tenant is not active. Every outcome is recorded.
 */
export async function login(
  login: Login,
  call: Call,
  wish: { readonly tenantSlug: string; readonly email: string; readonly password: string },
): Promise<Opened> {
  const candidate = await findCandidate(login, call, wish);
  try {
    const known = await checkPassword(login, candidate, wish.password);
    checkStanding(known.standing);
    return await openSession(login, call, known);
  } catch (error) {
    const { code, reason } = toAppError(error);
    if (code === 'unauthenticated' || code === 'permission_denied') await noteRefusal(login, call, candidate, reason);
    throw error;
  }
}

async function findCandidate(
  { db }: Login,
  call: Call,
  { tenantSlug, email }: { readonly tenantSlug: string; readonly email: string },
): Promise<Candidate | undefined> {
  const tenant = await db.withoutTenant((tx) => findTenantBySlug(tx, tenantSlug));
  // Who is unknown is looked up like who is known: the time says nothing.
  return db.inTenant(scopeIn(tenant?.id ?? nobody, call), async (tx) => {
    const user = await findUserByEmail(tx, email);
    const password = await findPassword(tx, user?.id ?? nobody);
    if (tenant === undefined || user === undefined || password === undefined) return undefined;
    const standing: Standing = {
      tenantId: tenant.id,
      tenantStatus: tenant.status,
      operator: tenant.operator,
      userId: user.id,
      userStatus: user.status,
      userRole: user.role,
      userDeleted: false,
    };
    return { user, password, standing };
  });
}

async function checkPassword(
  { hasher, now }: Login,
  candidate: Candidate | undefined,
  password: string,
): Promise<Candidate> {
  const open = candidate !== undefined && !isLocked(candidate.password, now());
  const matches = await hasher.verify(open ? candidate.password.passwordHash : undefined, password);
  if (candidate === undefined || !matches) throw loginFailed();
  return candidate;
}

async function openSession(login: Login, call: Call, { user, standing }: Candidate): Promise<Opened> {
  const { db, now, newId, sessionTtlMs } = login;
  const sessionToken = newSecret('fls_');
  const expiresAt = new Date(now().getTime() + sessionTtlMs);
  const scope = { ...scopeIn(standing.tenantId, call), userId: user.id, actor: { type: 'user', id: user.id } };
  await db.inTenant(scope, async (tx) => {
    // Locked by guesses that were made while this password was compared.
    if (!(await clearFailures(tx, user.id, now()))) throw loginFailed();
    await insertSession(tx, { id: newId(), userId: user.id, tokenHash: hashSecret(sessionToken), expiresAt });
    await markLogin(tx, user.id, now());
    await addActions(tx, [loginAction(call, { id: newId(), now: now(), standing, refusal: undefined })]);
  });
  return { sessionToken, expiresAt, user: { ...user, lastLoginAt: now() } };
}

async function noteRefusal(login: Login, call: Call, candidate: Candidate | undefined, refusal: string): Promise<void> {
  const { db, now, newId, lockout, operatorTenant } = login;
  const standing = candidate?.standing;
  await db.inTenant(scopeIn(standing?.tenantId ?? operatorTenant(), call), async (tx) => {
    if (refusal === loginFailed().reason) {
      const lockedUntil = new Date(now().getTime() + lockout.durationMs);
      await countFailure(tx, standing?.userId ?? nobody, { attempts: lockout.attempts, lockedUntil, now: now() });
    }
    await addActions(tx, [loginAction(call, { id: newId(), now: now(), standing, refusal })]);
  });
}

function scopeIn(tenantId: string, call: Call): TransactionScope {
  return { tenantId, actor: call.principal.actor, traceparent: call.traceparent };
}

function isLocked({ lockedUntil }: StoredPassword, now: Date): boolean {
  return lockedUntil !== undefined && lockedUntil > now;
}

function loginFailed(): AppError {
  return new AppError(
    'unauthenticated',
    'LOGIN_FAILED',
    'The tenant, the address or the password is wrong, or there were too many tries: then wait a while.',
  );
}
