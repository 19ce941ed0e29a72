import { AppError } from '@flotilla/errors';
import type { AgentContent, AgentParameters } from './agent.ts';
import { type Execution, isFinished } from './execution.ts';

/** What the ledger calls what answers replays: nothing is spent there. */
export const recordedProviderName = 'recorded';

/** What a replay is of, and what is different in it. */
export interface Replay {
  readonly ofId: string;
  /** Whether the answers of then answer it. */
  readonly recorded: boolean;
  readonly swapped: '' | 'prompt' | 'model' | 'parameters' | 'agent_version';
  /** What its version does not say. */
  readonly content: Partial<Pick<AgentContent, 'model' | 'parameters'>>;
}

export interface ReplayWish {
  readonly recorded: boolean;
  readonly prompt?: string | undefined;
  readonly model?: string | undefined;
  readonly parameters?: AgentParameters | undefined;
  /** 0 means the version of then. */
  readonly agentVersion: number;
}

/** What is to be run. A replay of a replay keeps what was swapped before. */
export function planReplay(original: Execution, wish: ReplayWish): { replay: Replay; prompt: string; version: number } {
  if (!isFinished(original.status)) {
    throw new AppError(
      'failed_precondition',
      'EXECUTION_NOT_FINISHED',
      'An execution is replayed when it is finished.',
    );
  }
  const { prompt, model, parameters, agentVersion, recorded } = wish;
  const swaps = [
    ...(prompt === undefined ? [] : ['prompt' as const]),
    ...(model === undefined ? [] : ['model' as const]),
    ...(parameters === undefined ? [] : ['parameters' as const]),
    ...(agentVersion === 0 ? [] : ['agent_version' as const]),
  ];
  if (swaps.length > 1) {
    const message = `Swap one input at a time; ${swaps.join(' and ')} would leave open which of them made the difference.`;
    throw new AppError('invalid_argument', 'REPLAY_INVALID', message);
  }
  const swapped = swaps[0] ?? '';
  if (recorded && swapped !== '' && swapped !== 'agent_version') {
    const message = `Recorded answers were given to the ${swapped} of then: ask anew, or swap the version.`;
    throw new AppError('invalid_argument', 'REPLAY_INVALID', message);
  }
  const content = {
    ...original.replay?.content,
    ...(model === undefined ? {} : { model }),
    ...(parameters === undefined ? {} : { parameters }),
  };
  return {
    replay: { ofId: original.id, recorded, swapped, content },
    prompt: prompt ?? original.prompt,
    version: agentVersion === 0 ? original.agentVersion : agentVersion,
  };
}
