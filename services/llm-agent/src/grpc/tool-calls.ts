import type { ToolCallService } from '@flotilla/contracts/agent';
import type { ServiceImplementation } from '@flotilla/grpc';
import type { Database } from '@flotilla/postgres';
import { findExecution } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { listToolCalls } from '../db/tool-call-repository.ts';
import { executionNotFound } from '../domain/not-found.ts';
import { toToolCallMessage } from '../messages/tool-call-message.ts';

export function toolCalls(db: Database<Schema>): ServiceImplementation<typeof ToolCallService> {
  return {
    listToolCalls: ({ executionId }, call) =>
      db.read(call, async (tx) => {
        if ((await findExecution(tx, executionId)) === undefined) throw executionNotFound();
        return { toolCalls: (await listToolCalls(tx, executionId)).map(toToolCallMessage) };
      }),
  };
}
