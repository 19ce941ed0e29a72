import type { Conflicts } from '@flotilla/postgres';

/** What violated constraints mean to a caller. */
export const conflicts: Conflicts = {
  workflows_slug: ['already_exists', 'WORKFLOW_SLUG_TAKEN', 'Another workflow has this slug.'],
  workflow_templates_name: ['already_exists', 'WORKFLOW_TEMPLATE_NAME_TAKEN', 'Another template has this name.'],
};
