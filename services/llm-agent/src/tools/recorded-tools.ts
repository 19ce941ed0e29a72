import type { RecordedToolCall } from '../db/tool-call-repository.ts';
import type { ToolPort } from './tool-port.ts';
import { unavailableTools } from './unavailable-tools.ts';

/** Tools that answer what they answered then, in the order of the calls: nothing is done again. */
export function createRecordedTools(calls: readonly RecordedToolCall[]): ToolPort {
  let next = 0;
  return {
    declare: unavailableTools.declare,
    async call() {
      const recorded = calls[next];
      next += 1;
      if (recorded?.status === 'succeeded') return { ok: true, content: recorded.result };
      const reason = recorded?.errorReason || 'ANSWER_NOT_RECORDED';
      return { ok: false, reason, content: recorded?.result ?? 'What the tool would have answered was not recorded.' };
    },
  };
}
