import { parseConfig } from '@flotilla/workflow-service/config';
import { createService } from '@flotilla/workflow-service/service';
import { answerCalls } from '../child.ts';

/** The workflow service in a process of its own. */
export interface ServiceCalls {
  start(env: Readonly<Record<string, string>>): Promise<{ readonly grpcPort: number }>;
}

async function start(env: Readonly<Record<string, string>>): Promise<{ grpcPort: number }> {
  const { grpcPort } = await createService(parseConfig(env)).start();
  return { grpcPort };
}

answerCalls({ start });
