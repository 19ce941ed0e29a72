import { AppError } from '@flotilla/errors';
import type { Role } from './role.ts';

export type UserStatus = 'active' | 'inactive' | 'suspended';

export interface User {
  readonly id: string;
  readonly tenantId: string;
  readonly email: string;
  readonly username: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly status: UserStatus;
  readonly role: Role;
  readonly emailVerified: boolean;
  readonly lastLoginAt: Date | undefined;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly revision: number;
}

/** What may be changed about a user; what is left out stays. */
export interface UserChange {
  readonly username?: string | undefined;
  readonly firstName?: string | undefined;
  readonly lastName?: string | undefined;
  readonly status?: UserStatus | undefined;
  readonly role?: Role | undefined;
}

/** The user after the change. `otherActiveAdmins` keeps a tenant from locking itself out. */
export function changeUser(user: User, change: UserChange, otherActiveAdmins: number): User {
  const changed: User = {
    ...user,
    username: change.username ?? user.username,
    firstName: change.firstName ?? user.firstName,
    lastName: change.lastName ?? user.lastName,
    status: change.status ?? user.status,
    role: change.role ?? user.role,
    revision: user.revision + 1,
  };
  if (isActiveAdmin(user) && !isActiveAdmin(changed)) checkNotLast(otherActiveAdmins);
  return changed;
}

/** Refuses to remove the last administrator who could still log in. */
export function checkDeletable(user: User, otherActiveAdmins: number): void {
  if (isActiveAdmin(user)) checkNotLast(otherActiveAdmins);
}

function isActiveAdmin({ role, status }: User): boolean {
  return role === 'admin' && status === 'active';
}

function checkNotLast(otherActiveAdmins: number): void {
  if (otherActiveAdmins > 0) return;
  throw new AppError('failed_precondition', 'LAST_ADMIN', 'A tenant keeps at least one active administrator.');
}
