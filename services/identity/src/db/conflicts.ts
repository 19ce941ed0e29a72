import type { Conflicts } from '@flotilla/postgres';

/** What the database's refusals mean to a caller. */
export const conflicts: Conflicts = {
  tenants_slug: ['already_exists', 'SLUG_TAKEN', 'There is a tenant of this slug.'],
  users_email: ['already_exists', 'EMAIL_TAKEN', 'There is a user of this address.'],
};
