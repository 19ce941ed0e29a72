import { AppError } from '@flotilla/errors';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { findTrigger, listTriggers } from '../db/trigger-repository.ts';
import type { Trigger, TriggerKind } from '../domain/trigger.ts';

export async function getTrigger(tx: ReadTx<Schema>, id: string): Promise<Trigger> {
  const trigger = await findTrigger(tx, id);
  if (trigger === undefined) throw new AppError('not_found', 'TRIGGER_NOT_FOUND', 'There is no such trigger.');
  return trigger;
}

export async function pageOfTriggers(
  tx: ReadTx<Schema>,
  wish: { workflowId: string; kind: TriggerKind | undefined; pageSize: number; pageToken: string },
) {
  const size = pageSizeOf(wish.pageSize);
  const { workflowId, kind } = wish;
  const cursor = pageToken.decode(wish.pageToken);
  return toPage(await listTriggers(tx, { workflowId, kind, cursor, limit: size + 1 }), size);
}
