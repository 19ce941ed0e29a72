import { after, type Cursor, newId, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import {
  type Approval,
  type ApprovalDecision,
  type ApprovalDelegation,
  absences,
  approverIds,
} from '../domain/approval.ts';
import type { JsonObject, JsonValue } from '../domain/json.ts';
import { toColumn } from './json-column.ts';
import type { Approvals, Schema } from './schema.ts';
import type { StepPlace } from './task-repository.ts';

/** An approval as its row has it. */
export interface StoredApproval extends Approval, StepPlace {
  readonly id: string;
  readonly stepId: string;
  readonly title: string;
  readonly message: string;
  readonly formSchema: JsonObject | undefined;
  readonly onExpiry: Selectable<Approvals>['on_expiry'];
  readonly createdAt: Date;
  readonly closedAt: Date | undefined;
  readonly revision: number;
}

const columns = [
  'id',
  'instance_id',
  'path',
  'step_id',
  'visit',
  'status',
  'title',
  'message',
  'named_ids',
  'permission',
  'quorum',
  'rejections',
  'exclude_starter',
  'started_by',
  'form_schema',
  'expires_at',
  'on_expiry',
  'decisions',
  'delegations',
  'closed_at',
  'created_at',
  'revision',
] as const;

export type NewApproval = Omit<
  StoredApproval,
  'id' | 'status' | 'decisions' | 'delegations' | 'closedAt' | 'createdAt' | 'revision'
>;

export async function insertApproval(tx: Tx<Schema>, tenantId: string, approval: NewApproval): Promise<StoredApproval> {
  const row = await tx
    .insertInto('approvals')
    .values({
      id: newId(),
      tenant_id: tenantId,
      instance_id: approval.instanceId,
      path: approval.path,
      step_id: approval.stepId,
      visit: approval.visit,
      title: approval.title,
      message: approval.message,
      named_ids: [...approval.namedIds],
      approver_ids: [...approval.namedIds],
      permission: approval.permission ?? null,
      quorum: approval.quorum,
      rejections: approval.rejections,
      exclude_starter: approval.excludeStarter,
      started_by: approval.startedBy,
      form_schema: approval.formSchema === undefined ? null : toColumn(approval.formSchema),
      expires_at: approval.expiresAt ?? null,
      on_expiry: approval.onExpiry,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toApproval(row);
}

export async function findApproval(tx: ReadTx<Schema>, id: string): Promise<StoredApproval | undefined> {
  const row = await tx.selectFrom('approvals').select(columns).where('id', '=', id).executeTakeFirst();
  return row && toApproval(row);
}

/** Lock the run first: whoever settles the step does so too. */
export async function lockApproval(tx: Tx<Schema>, id: string): Promise<StoredApproval | undefined> {
  const row = await tx.selectFrom('approvals').select(columns).where('id', '=', id).forUpdate().executeTakeFirst();
  return row && toApproval(row);
}

/** Saves what was said about a locked approval. */
export async function saveApproval(tx: Tx<Schema>, approval: StoredApproval): Promise<StoredApproval> {
  const row = await tx
    .updateTable('approvals')
    .set({
      approver_ids: approverIds(approval),
      absent_ids: [...absences(approval.delegations).keys()],
      decisions: toColumn(approval.decisions as unknown as JsonValue),
      delegations: toColumn(approval.delegations as unknown as JsonValue),
      revision: approval.revision + 1,
    })
    .where('id', '=', approval.id)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toApproval(row);
}

/** Writes down what the step came to; undefined where that was known already. Uses the unique key of the visit. */
export async function closeApproval(
  tx: Tx<Schema>,
  place: StepPlace,
  status: Exclude<StoredApproval['status'], 'pending'>,
  closedAt: Date,
): Promise<StoredApproval | undefined> {
  const row = await tx
    .updateTable('approvals')
    .set({ status, closed_at: closedAt, revision: sql<number>`revision + 1` })
    .where('instance_id', '=', place.instanceId)
    .where('path', '=', place.path)
    .where('visit', '=', place.visit)
    .where('status', '=', 'pending')
    .returning(columns)
    .executeTakeFirst();
  return row && toApproval(row);
}

/** Uses the index approvals_newest, or approvals_pending. */
export async function listApprovals(
  tx: ReadTx<Schema>,
  filter: {
    readonly status: StoredApproval['status'] | undefined;
    readonly instanceId: string;
    /** Only what this person may answer. */
    readonly asks: { readonly userId: string; readonly permissions: ReadonlySet<string> } | undefined;
    readonly cursor: Cursor | undefined;
    readonly limit: number;
  },
): Promise<StoredApproval[]> {
  let query = tx.selectFrom('approvals').select(columns).where(after<Schema, 'approvals'>('desc', filter.cursor));
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  if (filter.instanceId !== '') query = query.where('instance_id', '=', filter.instanceId);
  if (filter.asks !== undefined) {
    const { userId, permissions } = filter.asks;
    query = query
      .where(
        sql<boolean>`(${userId}::uuid = any (approver_ids)
          or (permission = any (${[...permissions]}::text[]) and not ${userId}::uuid = any (absent_ids)))`,
      )
      .where(sql<boolean>`not (exclude_starter and started_by = ${userId}::uuid)`);
  }
  return (await query.orderBy('id', 'desc').limit(filter.limit).execute()).map(toApproval);
}

function toApproval(row: Pick<Selectable<Approvals>, (typeof columns)[number]>): StoredApproval {
  return {
    id: row.id,
    instanceId: row.instance_id,
    path: row.path,
    stepId: row.step_id,
    visit: row.visit,
    status: row.status,
    title: row.title,
    message: row.message,
    namedIds: row.named_ids,
    permission: row.permission ?? undefined,
    quorum: row.quorum,
    rejections: row.rejections,
    excludeStarter: row.exclude_starter,
    startedBy: row.started_by,
    formSchema: row.form_schema === null ? undefined : (row.form_schema as JsonObject),
    expiresAt: row.expires_at ?? undefined,
    onExpiry: row.on_expiry,
    decisions: row.decisions as unknown as ApprovalDecision[],
    delegations: row.delegations as unknown as ApprovalDelegation[],
    closedAt: row.closed_at ?? undefined,
    createdAt: row.created_at,
    revision: row.revision,
  };
}
