import type { Conflicts } from '@flotilla/postgres';

/** What violated constraints mean to callers. */
export const conflicts: Conflicts = {
  agents_slug: ['already_exists', 'AGENT_SLUG_TAKEN', 'Another agent has this slug.'],
};
