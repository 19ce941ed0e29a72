import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ActionResult, ActorType } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import type { Call } from '@flotilla/grpc';
import type { TransactionScope } from '@flotilla/postgres';
import { hashSecret, newSecret } from '@flotilla/secrets';
import type { RecordedAction } from '@flotilla/service';
import { clearFailures, countFailure, findPassword, type StoredPassword } from '../db/password-repository.ts';
import { insertSession } from '../db/session-repository.ts';
import { findTenantBySlug } from '../db/tenant-repository.ts';
import { findUserByEmail, markLogin } from '../db/user-repository.ts';
import { checkStanding } from '../domain/standing.ts';
import type { TenantStatus } from '../domain/tenant.ts';
import type { User } from '../domain/user.ts';
import type { Surroundings } from '../surroundings.ts';
import { addActions } from './record-actions.ts';

/** What logging in needs beside the usual. */
export interface Login extends Surroundings {
  readonly sessionTtlMs: number;
  readonly lockout: { readonly attempts: number; readonly durationMs: number };
  /** For refusals that belong to no tenant. */
  readonly record: (action: RecordedAction) => void;
}

interface Candidate {
  readonly tenant: { readonly id: string; readonly status: TenantStatus; readonly operator: boolean };
  readonly user: User;
  readonly password: StoredPassword;
}

/**
 * Opens a session. Whatever is wrong (tenant, address, password, too many tries), the answer and the work done are the
 * same; only who knows the password learns that the user or the tenant is not active.
 */
export async function login(
  login: Login,
  call: Call,
  wish: { readonly tenantSlug: string; readonly email: string; readonly password: string },
): Promise<{ readonly sessionToken: string; readonly expiresAt: Date; readonly user: User }> {
  const { db, hasher, now, newId, sessionTtlMs } = login;
  const candidate = await findCandidate(login, call, wish);
  const open = candidate !== undefined && !isLocked(candidate.password, now());
  const matches = await hasher.verify(open ? candidate.password.passwordHash : undefined, wish.password);
  if (!matches || candidate === undefined) {
    await refuse(login, call, candidate);
    throw loginFailed();
  }
  const { tenant, user } = candidate;
  checkStanding({
    tenantId: tenant.id,
    tenantStatus: tenant.status,
    operator: tenant.operator,
    userId: user.id,
    userStatus: user.status,
    userRole: user.role,
    userDeleted: false,
  });
  const sessionToken = newSecret('fls_');
  const expiresAt = new Date(now().getTime() + sessionTtlMs);
  const scope = { ...scopeIn(tenant.id, call), userId: user.id, actor: { type: 'user', id: user.id } };
  await db.inTenant(scope, async (tx) => {
    // Locked by guesses that were made while this password was compared.
    if (!(await clearFailures(tx, user.id, now()))) throw loginFailed();
    await insertSession(tx, { id: newId(), userId: user.id, tokenHash: hashSecret(sessionToken), expiresAt });
    await markLogin(tx, user.id, now());
    await addActions(tx, [loginAction(login, call, ActionResult.SUCCESS, candidate)]);
  });
  return { sessionToken, expiresAt, user: { ...user, lastLoginAt: now() } };
}

async function findCandidate(
  { db }: Login,
  call: Call,
  { tenantSlug, email }: { readonly tenantSlug: string; readonly email: string },
): Promise<Candidate | undefined> {
  const tenant = await db.withoutTenant((tx) => findTenantBySlug(tx, tenantSlug));
  // An unknown tenant is looked into like a known one: the time says nothing.
  const id = tenant?.id ?? '00000000-0000-0000-0000-000000000000';
  return db.inTenant(scopeIn(id, call), async (tx) => {
    const user = await findUserByEmail(tx, email);
    const password = await findPassword(tx, user?.id ?? '00000000-0000-0000-0000-000000000000');
    return tenant && user && password && { tenant, user, password };
  });
}

async function refuse(login: Login, call: Call, candidate: Candidate | undefined): Promise<void> {
  const action = loginAction(login, call, ActionResult.FAILURE, candidate);
  if (candidate === undefined) {
    login.record(action);
    return;
  }
  const { lockout, now, db } = login;
  const lockedUntil = new Date(now().getTime() + lockout.durationMs);
  await db.inTenant(scopeIn(candidate.tenant.id, call), async (tx) => {
    await countFailure(tx, candidate.user.id, { attempts: lockout.attempts, lockedUntil, now: now() });
    await addActions(tx, [action]);
  });
}

function loginAction(
  { now, newId }: Login,
  call: Call,
  result: ActionResult,
  candidate: Candidate | undefined,
): RecordedAction {
  const success = result === ActionResult.SUCCESS;
  return {
    id: newId(),
    tenantId: candidate?.tenant.id ?? '',
    // Who guesses a password is not the user.
    actorType: success ? ActorType.USER : ActorType.ANONYMOUS,
    actorId: success ? (candidate?.user.id ?? '') : '',
    action: 'session.login',
    resourceType: candidate === undefined ? '' : 'users',
    resourceId: candidate?.user.id ?? '',
    result,
    reason: success ? '' : 'LOGIN_FAILED',
    service: 'identity',
    traceparent: call.traceparent,
    occurTime: timestampFromDate(now()),
  };
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
