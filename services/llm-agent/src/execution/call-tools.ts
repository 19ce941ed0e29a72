import type { Logger } from '@flotilla/observability';
import type { ToolNote } from '../commands/note-tool-call.ts';
import type { Task } from '../commands/start-execution.ts';
import type { ToolSettlement } from '../db/tool-call-repository.ts';
import type { ToolCall } from '../domain/message.ts';
import type { JsonObject } from '../domain/output-schema.ts';
import type { Message } from '../providers/model-provider.ts';
import type { ToolDeclaration, ToolPort, ToolResult } from '../tools/tool-port.ts';

/** More of a result is cut off: a model reads no book. */
const maxResultCharacters = 65_536;

export interface ToolRound {
  readonly tools: ToolPort;
  readonly declared: readonly ToolDeclaration[];
  readonly iteration: number;
  readonly calls: readonly ToolCall[];
  /** Committed before a call is made and after it. */
  readonly note: (note: ToolNote) => Promise<void>;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/**
 * Makes the calls that the model asked for, one after the other, and answers what it is told next. What goes wrong is
 * told too: the model may try another way. Ends early when the execution is stopped.
 */
export async function callTools({ scope, execution }: Task, round: ToolRound): Promise<Message[]> {
  const told: Message[] = [];
  for (const [index, call] of round.calls.entries()) {
    const at = { iteration: round.iteration, place: index + 1 };
    const key = `${execution.id}/tools/${at.iteration}/${at.place}`;
    await round.note({ kind: 'begun', ...at, callId: call.id, name: call.name, arguments: call.arguments });
    const settlement = toSettlement(await makeCall(round, call, { scope, executionId: execution.id, key }));
    await round.note({ kind: 'settled', ...at, settlement });
    told.push({ role: 'tool', toolCallId: call.id, toolName: call.name, content: textOf(settlement) });
    if (round.signal.aborted) break;
  }
  return told;
}

async function makeCall(
  { tools, declared, signal, log }: ToolRound,
  call: ToolCall,
  request: Pick<Parameters<ToolPort['call']>[0], 'scope' | 'executionId' | 'key'>,
): Promise<ToolResult> {
  if (!declared.some(({ name }) => name === call.name)) {
    return { ok: false, reason: 'TOOL_UNKNOWN', content: `There is no tool "${call.name.slice(0, 100)}".` };
  }
  const given = parseArguments(call.arguments);
  if (given === undefined) {
    return { ok: false, reason: 'TOOL_ARGUMENTS_INVALID', content: 'The arguments are not a JSON object.' };
  }
  try {
    return await unlessAborted(tools.call({ ...request, name: call.name, arguments: given }, signal), signal);
  } catch (error) {
    if (signal.aborted) return { ok: false, reason: 'TOOL_INTERRUPTED', content: 'The execution was stopped.' };
    log.warn({ err: error, tool: call.name, executionId: request.executionId }, 'a tool could not be called');
    return { ok: false, reason: 'TOOL_FAILED', content: 'The tool could not be called.' };
  }
}

/** What the agent's tools are; undefined when the port cannot say, or the execution is stopped. */
export async function declareTools(
  tools: ToolPort,
  { scope, content, execution }: Task,
  { signal, log }: { signal: AbortSignal; log: Logger },
): Promise<readonly ToolDeclaration[] | undefined> {
  if (content.tools.length === 0) return [];
  try {
    return await unlessAborted(tools.declare(scope, content.tools), signal);
  } catch (error) {
    log.warn({ err: error, executionId: execution.id }, 'the tools of an agent are not known');
    return undefined;
  }
}

/** A port that does not listen to the signal keeps no execution waiting. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(new Error('The execution was stopped.'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    if (signal.aborted) abort();
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** What the model is told: a failure by its reason. */
function textOf({ status, result, errorReason }: ToolSettlement): string {
  return status === 'succeeded' ? result : `${errorReason}: ${result}`;
}

function toSettlement(result: ToolResult): ToolSettlement {
  // Postgres stores no NUL.
  const text = result.content.slice(0, maxResultCharacters).replaceAll('\u0000', '\ufffd').toWellFormed();
  return result.ok
    ? { status: 'succeeded', result: text, errorReason: '' }
    : { status: 'failed', result: text, errorReason: result.reason };
}

function parseArguments(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}
