import { AppError } from '@flotilla/errors';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import { type Compensation, listCompensations } from '../db/compensation-repository.ts';
import { findInstance, type Instance, type InstanceFilter, listInstances } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import { listTasks } from '../db/task-repository.ts';

export async function getInstance(tx: ReadTx<Schema>, id: string): Promise<Instance> {
  const instance = await findInstance(tx, id);
  if (instance === undefined) throw new AppError('not_found', 'INSTANCE_NOT_FOUND', 'There is no such run.');
  return instance;
}

export async function pageOfInstances(
  tx: ReadTx<Schema>,
  filter: InstanceFilter,
  page: { pageSize: number; pageToken: string },
) {
  const size = pageSizeOf(page.pageSize);
  const cursor = pageToken.decode(page.pageToken);
  return toPage(await listInstances(tx, { ...filter, cursor, limit: size + 1 }), size);
}

export async function pageOfTasks(
  tx: ReadTx<Schema>,
  wish: { instanceId: string; pageSize: number; pageToken: string },
) {
  await getInstance(tx, wish.instanceId);
  const size = pageSizeOf(wish.pageSize);
  const cursor = pageToken.decode(wish.pageToken);
  return toPage(await listTasks(tx, wish.instanceId, { cursor, limit: size + 1 }), size);
}

export async function compensationsOf(tx: ReadTx<Schema>, instanceId: string): Promise<Compensation[]> {
  await getInstance(tx, instanceId);
  return listCompensations(tx, instanceId);
}
