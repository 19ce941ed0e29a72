import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type ToolCallSchema, ToolCallStatus } from '@flotilla/contracts/agent';
import type { RecordedToolCall } from '../db/tool-call-repository.ts';

const statusMessages: Record<RecordedToolCall['status'], ToolCallStatus> = {
  started: ToolCallStatus.STARTED,
  succeeded: ToolCallStatus.SUCCEEDED,
  failed: ToolCallStatus.FAILED,
  unknown: ToolCallStatus.UNKNOWN,
};

/** Hundreds of calls fit into one reply. */
const shownCharacters = 4_096;

export function toToolCallMessage(call: RecordedToolCall): MessageInitShape<typeof ToolCallSchema> {
  return {
    executionId: call.executionId,
    iteration: call.iteration,
    place: call.place,
    attempt: call.attempt,
    callId: call.callId,
    name: call.name,
    arguments: shown(call.arguments),
    status: statusMessages[call.status],
    result: shown(call.result),
    errorReason: call.errorReason,
    startTime: timestampFromDate(call.startedAt),
    ...(call.completedAt === undefined ? {} : { completeTime: timestampFromDate(call.completedAt) }),
  };
}

function shown(text: string): string {
  return text.slice(0, shownCharacters).toWellFormed();
}
