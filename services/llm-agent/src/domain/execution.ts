import { AppError } from '@flotilla/errors';
import type { InputPart } from './input.ts';
import type { JsonValue } from './output-schema.ts';
import type { Price } from './price.ts';
import type { Replay } from './replay.ts';
import type { Reservation } from './reservation.ts';
import type { Hop } from './routing.ts';
import type { Tokens } from './tokens.ts';

export type ExecutionStatus =
  | 'pending'
  | 'running'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'timeout'
  | 'budget_exceeded';
export type FinalStatus = Exclude<ExecutionStatus, 'pending' | 'running'>;

export interface Execution {
  readonly id: string;
  readonly agentId: string;
  readonly agentVersion: number;
  /** Of the version that ran. */
  readonly contentHash: string;
  /** The split that chose the version. */
  readonly splitId: string | undefined;
  readonly status: ExecutionStatus;
  /** The conversation whose turn it is. */
  readonly conversationId: string | undefined;
  /** What it is a replay of. */
  readonly replay: Replay | undefined;
  readonly prompt: string;
  /** What went in after the prompt. */
  readonly parts: readonly InputPart[];
  readonly response: string;
  readonly output: JsonValue | undefined;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly latencyMs: number | undefined;
  readonly costUsd: string | undefined;
  readonly errorReason: string;
  readonly errorMessage: string;
  readonly attempts: number;
  /** From provider to provider, in order. */
  readonly hops: readonly Hop[];
  /** The answer was kept from before. */
  readonly cached: boolean;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  readonly completedAt: Date | undefined;
}

/** How an execution ended. */
export type Ending =
  | { readonly status: 'completed'; readonly response: string; readonly output: JsonValue | undefined }
  | {
      readonly status: 'failed' | 'cancelled' | 'timeout' | 'budget_exceeded';
      readonly reason: string;
      readonly message: string;
    };

/** One call at a provider, as the ledger keeps it. */
export interface ProviderAttempt extends Tokens {
  readonly id: string;
  readonly executionId: string;
  /** None in lines that were written before agents were noted. */
  readonly agentId: string | undefined;
  readonly userId: string | undefined;
  readonly attempt: number;
  readonly provider: string;
  readonly model: string;
  readonly status: 'started' | 'succeeded' | 'failed' | 'unknown';
  /** The tokens are those that were reserved: what was used is not known. */
  readonly usageEstimated: boolean;
  /** The most that it may use; none where no budget bounds it. */
  readonly reservation: Reservation | undefined;
  /** At the time of the call. */
  readonly price: Price | undefined;
  readonly costUsd: string | undefined;
  readonly errorReason: string;
  /** What the attempt before it came to; empty for the first. */
  readonly because: string;
  /** Answered without the provider. */
  readonly cached: boolean;
  readonly startedAt: Date;
  readonly completedAt: Date | undefined;
}

export function isFinished(status: ExecutionStatus): status is FinalStatus {
  return status !== 'pending' && status !== 'running';
}

/** The execution is not run any more by whoever wanted to write for it. */
export class ExecutionTaken extends Error {
  constructor() {
    super('The execution is run by somebody else, or has ended.');
  }
}

/** What an execution came to cost, and how it went from provider to provider. */
export interface Spent {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly costUsd: string | undefined;
  readonly attempts: number;
  readonly hops?: readonly Hop[];
  readonly cached?: boolean;
}

/** The execution after its end. An execution ends once: a second ending is a defect of the caller. */
export function finish(execution: Execution, ending: Ending, spent: Spent, now: Date): Execution {
  if (isFinished(execution.status)) {
    throw new AppError('failed_precondition', 'EXECUTION_FINISHED', 'The execution is finished already.');
  }
  const answer =
    ending.status === 'completed'
      ? { response: ending.response, output: ending.output, errorReason: '', errorMessage: '' }
      : { response: '', output: undefined, errorReason: ending.reason, errorMessage: ending.message };
  return {
    ...execution,
    ...answer,
    ...spent,
    status: ending.status,
    latencyMs: Math.max(0, now.getTime() - execution.createdAt.getTime()),
    completedAt: now,
  };
}
