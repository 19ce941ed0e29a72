import { type ReadTx, sql } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** Whether a schedule or a trigger still starts runs of the workflow. Uses the indexes workflow_schedules_of_workflow and workflow_triggers_of_workflow. */
export async function hasStarters(tx: ReadTx<Schema>, workflowId: string): Promise<boolean> {
  const starters = (['workflow_schedules', 'workflow_triggers'] as const).map((table) =>
    tx
      .selectFrom(table)
      .select(sql<number>`1`.as('one'))
      .where('workflow_id', '=', workflowId)
      .where('deleted_at', 'is', null),
  );
  for (const query of starters) {
    if ((await query.limit(1).executeTakeFirst()) !== undefined) return true;
  }
  return false;
}
