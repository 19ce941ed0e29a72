import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { findConversation } from '../db/conversation-repository.ts';
import { findContext, findExecution } from '../db/execution-repository.ts';
import { listRecordedAnswers } from '../db/recorded-answer-repository.ts';
import type { Schema } from '../db/schema.ts';
import { listToolCalls } from '../db/tool-call-repository.ts';
import { executionNotFound } from '../domain/not-found.ts';
import { planReplay, type ReplayWish } from '../domain/replay.ts';
import { createRecordedProvider } from '../providers/recorded-provider.ts';
import { createRecordedTools } from '../tools/recorded-tools.ts';
import { type ExecutionStart, startExecution, type Task } from './start-execution.ts';

/** Begins an execution anew, with what it was told. It belongs to the conversation, but is none of its turns. */
export async function replayExecution(
  start: ExecutionStart,
  tx: Tx<Schema>,
  { executionId, ...wish }: ReplayWish & { readonly executionId: string },
): Promise<Task> {
  const original = await findExecution(tx, executionId);
  if (original === undefined) throw executionNotFound();
  const { replay, prompt, version } = planReplay(original, wish);
  const { conversationId } = original;
  if (conversationId !== undefined && (await findConversation(tx, conversationId)) === undefined) {
    const message = 'The conversation was removed, and what was said in it with it.';
    throw new AppError('failed_precondition', 'EXECUTION_PURGED', message);
  }
  const answers = replay.recorded ? await listRecordedAnswers(tx, original) : [];
  const task = await startExecution(start, tx, {
    agentId: original.agentId,
    agentVersion: version,
    prompt,
    input: { parts: original.parts, files: new Map() },
    splitKey: '',
    context: await findContext(tx, executionId),
    replay,
    ...(conversationId === undefined ? {} : { conversationId }),
  });
  if (!replay.recorded) return task;
  const tools = createRecordedTools(await listToolCalls(tx, executionId));
  const [first = task.route, ...later] = answers.map(({ route }) => route);
  const provider = createRecordedProvider(answers);
  return {
    ...task,
    maxAttempts: answers.length,
    route: first,
    recorded: { provider, tools, routes: [first, ...later] },
  };
}
