import { AppError } from '@flotilla/errors';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import { findAgents } from '../db/agent-cache-repository.ts';
import { type Compensation, listCompensations } from '../db/compensation-repository.ts';
import { findInstance, type Instance, type InstanceFilter, listInstances } from '../db/instance-repository.ts';
import { findPayload } from '../db/payload-repository.ts';
import type { Schema } from '../db/schema.ts';
import { findTask, listTasks, type Task } from '../db/task-repository.ts';
import { isObject, type JsonObject, type JsonValue } from '../domain/json.ts';
import { isUuid } from './named-agents.ts';

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
  const page = toPage(await listTasks(tx, wish.instanceId, { cursor, limit: size + 1 }), size);
  return { ...page, agentName: await agentNames(tx, page.rows) };
}

/** Says by what name the agent is known that a task asks. */
async function agentNames(tx: ReadTx<Schema>, tasks: readonly Task[]): Promise<(task: Task) => string> {
  const asked = (task: Task, field: 'agentId' | 'agentSlug') => {
    const name = task.stepKind === 'agent' && isObject(task.input) ? task.input[field] : undefined;
    return typeof name === 'string' ? name : '';
  };
  const named = (field: 'agentId' | 'agentSlug') => [...new Set(tasks.map((task) => asked(task, field)))];
  const agents = await findAgents(tx, {
    ids: named('agentId').filter(isUuid),
    slugs: named('agentSlug').filter((slug) => slug !== ''),
  });
  return (task) =>
    agents.find(({ id, slug }) => id === asked(task, 'agentId') || slug === asked(task, 'agentSlug'))?.name ?? '';
}

const PIECE = 1_048_576;

/** A piece of the JSON text of what a step asked or left. */
export async function taskValue(
  tx: ReadTx<Schema>,
  wish: { instanceId: string; taskId: string; part: 'input' | 'output'; offset: number },
): Promise<{ json: string; nextOffset: number; length: number }> {
  const { instanceId, taskId, part, offset } = wish;
  const task = await findTask(tx, instanceId, taskId);
  if (task === undefined) throw new AppError('not_found', 'TASK_NOT_FOUND', 'There is no such task.');
  const value = part === 'input' ? await inputOf(tx, task) : await outputOf(tx, task);
  const text = value === null ? '' : JSON.stringify(value);
  if (offset > text.length) throw new AppError('invalid_argument', 'OFFSET_INVALID', 'The value ends before that.');
  // A character of two units stays whole.
  const end = offset + PIECE - (/[\ud800-\udbff]/.test(text.charAt(offset + PIECE - 1)) ? 1 : 0);
  return { json: text.slice(offset, end), nextOffset: end < text.length ? end : 0, length: text.length };
}

function inputOf(tx: ReadTx<Schema>, { instanceId, input, inputAt }: Task): Promise<JsonValue> | JsonValue {
  return inputAt === undefined ? input : findPayload(tx, instanceId, inputAt, 'input');
}

async function outputOf(tx: ReadTx<Schema>, { instanceId, output, outputAt }: Task): Promise<JsonValue> {
  if (outputAt === undefined) return output;
  const facts = await findPayload(tx, instanceId, outputAt, 'facts');
  return (facts as JsonObject)['output'] ?? null;
}

export async function compensationsOf(tx: ReadTx<Schema>, instanceId: string): Promise<Compensation[]> {
  await getInstance(tx, instanceId);
  return listCompensations(tx, instanceId);
}
