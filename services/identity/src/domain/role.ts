import { AppError } from '@flotilla/errors';

/** What a user is to their tenant. */
export type Role = 'admin' | 'member';

const operatorOnly = new Set(['tenants:create']);
const hiddenFromMembers = new Set(['audit:read', 'users:read', 'api-keys:read']);

/**
 * The permissions of a role, out of all that the contract knows. Administrators have all but the operator's; members
 * read, execute, send, answer approvals, and keep what is their own.
 */
export function permissionsOf(role: Role, all: readonly string[], operator: boolean): readonly string[] {
  switch (role) {
    case 'admin':
      return all.filter((permission) => operator || !operatorOnly.has(permission));
    case 'member':
      return all.filter(
        (permission) =>
          permission === 'notifications:send' ||
          permission === 'approvals:decide' ||
          permission.endsWith(':execute') ||
          permission.startsWith('own-') ||
          (permission.endsWith(':read') && !hiddenFromMembers.has(permission)),
      );
  }
}

/** Refuses to hand out a role that allows more than whoever hands it out is allowed. */
export function checkAssignable(
  role: Role,
  by: { readonly permissions: ReadonlySet<string>; readonly operator: boolean },
  all: readonly string[],
): void {
  if (permissionsOf(role, all, by.operator).every((permission) => by.permissions.has(permission))) return;
  throw new AppError('permission_denied', 'ROLE_EXCEEDS_PERMISSIONS', 'This role allows more than the caller may.');
}

/**
 * The scopes to store for a key. Asking for none means all that the creator has: when that is less than their role
 * allows, because they hold a limited key themselves, it is written down, so that no key grows beyond its maker.
 */
export function scopesOf(
  asked: readonly string[],
  creator: ReadonlySet<string>,
  ofRole: readonly string[],
): readonly string[] {
  const excess = asked.filter((scope) => !creator.has(scope));
  if (excess.length > 0) {
    throw new AppError('permission_denied', 'SCOPES_EXCEED_PERMISSIONS', `The caller lacks ${excess.join(', ')}.`);
  }
  if (asked.length > 0) return asked;
  return ofRole.every((permission) => creator.has(permission)) ? [] : [...creator].sort();
}
