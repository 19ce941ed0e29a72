import { after, type Cursor, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { Trigger, TriggerKind } from '../domain/trigger.ts';
import { sourceColumns, toSource } from './firing-source-columns.ts';
import { toColumn } from './json-column.ts';
import type { Schema, WorkflowTriggers } from './schema.ts';

const columns = [
  ...sourceColumns,
  'kind',
  'status',
  'event_type',
  'filter',
  'input_mapping',
  'webhook_path',
  'old_secret_expired_at',
  'last_fired_at',
  'run_count',
  'failure_count',
  'last_error_reason',
] as const;

export async function insertTrigger(tx: Tx<Schema>, trigger: Trigger, sealedSecret: Buffer | undefined): Promise<void> {
  await tx
    .insertInto('workflow_triggers')
    .values({
      id: trigger.id,
      tenant_id: tx.scope.tenantId,
      workflow_id: trigger.workflowId,
      kind: trigger.kind,
      event_type: trigger.eventType,
      webhook_path: trigger.webhookPath === '' ? null : trigger.webhookPath,
      sealed_secret: sealedSecret ?? null,
      created_by: trigger.createdBy,
      created_at: trigger.createdAt,
      updated_at: trigger.updatedAt,
      ...changeable(trigger),
    })
    .execute();
}

export async function findTrigger(tx: ReadTx<Schema>, id: string): Promise<Trigger | undefined> {
  const row = await byId(tx, id).executeTakeFirst();
  return row && toTrigger(row);
}

export async function lockTrigger(tx: Tx<Schema>, id: string): Promise<Trigger | undefined> {
  const row = await byId(tx, id).forUpdate().executeTakeFirst();
  return row && toTrigger(row);
}

function byId(tx: ReadTx<Schema>, id: string) {
  return tx.selectFrom('workflow_triggers').select(columns).where('id', '=', id).where('deleted_at', 'is', null);
}

/** Uses the index workflow_triggers_newest, or workflow_triggers_of_workflow. */
export async function listTriggers(
  tx: ReadTx<Schema>,
  filter: { workflowId: string; kind: TriggerKind | undefined; cursor: Cursor | undefined; limit: number },
): Promise<Trigger[]> {
  let query = tx
    .selectFrom('workflow_triggers')
    .select(columns)
    .where('deleted_at', 'is', null)
    .where(after<Schema, 'workflow_triggers'>('desc', filter.cursor));
  if (filter.workflowId !== '') query = query.where('workflow_id', '=', filter.workflowId);
  if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind);
  return (await query.orderBy('id', 'desc').limit(filter.limit).execute()).map(toTrigger);
}

/** A trigger that events fire. */
export interface Listener extends Trigger {
  /** Of what happened long before it does not hear. */
  readonly listensSince: Date;
}

/** Those of the tenant that listen to these. Uses the index workflow_triggers_event. */
export async function findListeners(tx: ReadTx<Schema>, eventTypes: readonly string[]): Promise<Listener[]> {
  const rows = await tx
    .selectFrom('workflow_triggers')
    .select([...columns, 'listens_since'])
    .where('event_type', 'in', eventTypes)
    .where('kind', '=', 'event')
    .where('status', '=', 'enabled')
    .where('deleted_at', 'is', null)
    .execute();
  return rows.map((row) => ({ ...toTrigger(row), listensSince: row.listens_since }));
}

/** Saves what was changed of a locked trigger. */
export async function saveTrigger(tx: Tx<Schema>, trigger: Trigger): Promise<Trigger> {
  const row = await tx
    .updateTable('workflow_triggers')
    .set({
      ...changeable(trigger),
      revision: trigger.revision + 1,
      deleted_at: trigger.deleted ? sql<Date>`now()` : null,
      // The status as it was before.
      ...(trigger.status === 'enabled' && {
        listens_since: sql<Date>`case when status = 'enabled' then listens_since else now() end`,
      }),
    })
    .where('id', '=', trigger.id)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toTrigger(row);
}

/** Counts what became of a time that it went off; no reason means a run. */
export async function countFiring(tx: Tx<Schema>, id: string, failure: string | undefined): Promise<void> {
  await tx
    .updateTable('workflow_triggers')
    .set(
      failure === undefined
        ? { run_count: sql<number>`run_count + 1`, last_fired_at: sql<Date>`now()` }
        : {
            failure_count: sql<number>`failure_count + 1`,
            last_error_reason: failure,
            last_fired_at: sql<Date>`now()`,
          },
    )
    .where('id', '=', id)
    .execute();
}

/** The webhook at a path, whoever's it is. */
export async function findWebhook(
  tx: Tx<Schema>,
  path: string,
): Promise<{ readonly tenantId: string; readonly id: string; readonly sealedSecrets: readonly Buffer[] } | undefined> {
  const { rows } = await sql<{
    tenant_id: string;
    id: string;
    sealed_secret: Buffer;
    old_sealed_secret: Buffer | null;
  }>`select tenant_id, id, sealed_secret, old_sealed_secret from find_webhook_secrets(${path})`.execute(tx);
  const [row] = rows;
  if (row === undefined) return undefined;
  const sealedSecrets =
    row.old_sealed_secret === null ? [row.sealed_secret] : [row.sealed_secret, row.old_sealed_secret];
  return { tenantId: row.tenant_id, id: row.id, sealedSecrets };
}

/** Puts a new secret in the place of a locked trigger's, which is kept for the overlap, if there is one. */
export async function replaceSecret(
  tx: Tx<Schema>,
  id: string,
  sealedSecret: Buffer,
  oldExpiresAt: Date | undefined,
): Promise<void> {
  await tx
    .updateTable('workflow_triggers')
    .set({
      sealed_secret: sealedSecret,
      old_sealed_secret: oldExpiresAt === undefined ? null : sql<Buffer>`sealed_secret`,
      old_secret_expired_at: oldExpiresAt ?? null,
    })
    .where('id', '=', id)
    .execute();
}

function changeable(trigger: Trigger) {
  return {
    name: trigger.name,
    status: trigger.status,
    filter: trigger.filter,
    input_mapping: toColumn({ ...trigger.inputMapping }),
    grant_id: trigger.grantId,
    updated_by: trigger.updatedBy,
  };
}

function toTrigger(row: Pick<Selectable<WorkflowTriggers>, (typeof columns)[number]>): Trigger {
  return {
    ...toSource(row),
    kind: row.kind,
    status: row.status,
    eventType: row.event_type,
    filter: row.filter,
    inputMapping: row.input_mapping as Record<string, string>,
    webhookPath: row.webhook_path ?? '',
    oldSecretExpiresAt: row.old_secret_expired_at ?? undefined,
    lastFiredAt: row.last_fired_at ?? undefined,
    runCount: row.run_count,
    failureCount: row.failure_count,
    lastErrorReason: row.last_error_reason ?? undefined,
  };
}
