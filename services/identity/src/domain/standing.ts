import { AppError } from '@flotilla/errors';
import { permissionsOf, type Role } from './role.ts';
import type { TenantStatus } from './tenant.ts';
import type { UserStatus } from './user.ts';

/** A user and their tenant as they are now, whatever credential led to them. */
export interface Standing {
  readonly tenantId: string;
  readonly tenantStatus: TenantStatus;
  readonly operator: boolean;
  readonly userId: string;
  readonly userStatus: UserStatus;
  readonly userRole: Role;
  readonly userDeleted: boolean;
}

/** A stored credential's own end: taken back, or run out. */
export interface Ending {
  readonly revokedAt: Date | undefined;
  readonly expiresAt: Date | undefined;
}

/** Refuses whoever may not act any more, and says why: they have proven who they are. */
export function checkStanding({ tenantStatus, userStatus, userDeleted }: Standing): void {
  if (tenantStatus !== 'active') {
    throw new AppError('permission_denied', 'TENANT_INACTIVE', 'The tenant is suspended or deleted.');
  }
  if (userDeleted || userStatus !== 'active') {
    throw new AppError('permission_denied', 'USER_INACTIVE', 'The user is not active.');
  }
}

/** What a credential that is limited to `scopes` allows now; no scopes mean no limit. */
export function allowedNow(
  standing: Standing,
  all: readonly string[],
  scopes: readonly string[] | undefined,
): readonly string[] {
  const ofRole = permissionsOf(standing.userRole, all, standing.operator);
  return scopes === undefined ? ofRole : ofRole.filter((permission) => scopes.includes(permission));
}

export function checkApiKey({ revokedAt, expiresAt }: Ending, now: Date): void {
  if (revokedAt !== undefined) throw new AppError('unauthenticated', 'API_KEY_REVOKED', 'The API key was revoked.');
  if (expiresAt !== undefined && expiresAt <= now) {
    throw new AppError('unauthenticated', 'API_KEY_EXPIRED', 'The API key has expired.');
  }
}

export function checkSession({ revokedAt, expiresAt }: Ending, now: Date): void {
  if (revokedAt !== undefined || (expiresAt !== undefined && expiresAt <= now)) {
    throw new AppError('unauthenticated', 'SESSION_ENDED', 'The session has ended.');
  }
}

/** A grant is presented by a service that has proven itself: not a wrong credential, but one that allows nothing more. */
export function checkGrant({ revokedAt }: Ending): void {
  if (revokedAt !== undefined) throw new AppError('permission_denied', 'GRANT_REVOKED', 'The grant was taken back.');
}
