import type { ReadTx } from '@flotilla/postgres';
import { findAgentVersion } from '../db/agent-repository.ts';
import { findContext, findExecution } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Compared, type Comparison, compare } from '../domain/comparison.ts';
import { agentVersionNotFound, executionNotFound } from '../domain/not-found.ts';

export async function compareExecutions(tx: ReadTx<Schema>, before: string, after: string): Promise<Comparison> {
  return compare(await findCompared(tx, before), await findCompared(tx, after));
}

async function findCompared(tx: ReadTx<Schema>, id: string): Promise<Compared> {
  const execution = await findExecution(tx, id);
  if (execution === undefined) throw executionNotFound();
  const version = await findAgentVersion(tx, execution.agentId, execution.agentVersion);
  if (version === undefined) throw agentVersionNotFound();
  return { execution, content: { ...version, ...execution.replay?.content }, context: await findContext(tx, id) };
}
