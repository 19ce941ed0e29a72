import { AppError } from '@flotilla/errors';

/** Which messages go along with a turn: the newest ones, as many as every limit allows. */
export interface WindowPolicy {
  readonly lastMessages: number;
  /** 0 means no limit but the size of a prompt. */
  readonly tokenBudget: number;
  /** Whether the agent sums up what falls out. */
  readonly summary: boolean;
}

/** What becomes of a message that is sent while a turn runs. */
export type BusyPolicy = 'reject' | 'enqueue' | 'interrupt' | 'roll_back';

export interface Conversation {
  readonly id: string;
  readonly agentId: string;
  readonly title: string;
  readonly window: WindowPolicy;
  readonly busyPolicy: BusyPolicy;
  readonly messageCount: number;
  readonly runningExecutionId: string | undefined;
  /** What is to become of the turn that runs. */
  readonly interruption: 'interrupt' | 'roll_back' | undefined;
  readonly summary: string;
  /** The summary is about the messages up to this one. */
  readonly summarySeq: number;
  readonly branchedFromId: string | undefined;
  readonly branchedFromSeq: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly revision: number;
}

export type ConversationWish = Pick<Conversation, 'agentId' | 'title' | 'window' | 'busyPolicy'>;
export type ConversationChange = Partial<Pick<Conversation, 'title' | 'window' | 'busyPolicy'>>;

export const defaultWindow: WindowPolicy = { lastMessages: 50, tokenBudget: 0, summary: false };

const maxMessages = 10_000;

/** A conversation as it begins: without a message. */
export function beginConversation(
  wish: ConversationWish,
  known: { id: string; createdBy: string; now: Date },
): Conversation {
  const { id, createdBy, now } = known;
  return {
    ...wish,
    id,
    createdBy,
    messageCount: 0,
    runningExecutionId: undefined,
    interruption: undefined,
    summary: '',
    summarySeq: 0,
    branchedFromId: undefined,
    branchedFromSeq: 0,
    createdAt: now,
    updatedAt: now,
    revision: 1,
  };
}

/** A conversation of its own, with the messages up to `seq`. */
export function branch(
  from: Conversation,
  wish: { seq: number; title?: string | undefined },
  known: { id: string; createdBy: string; now: Date },
): Conversation {
  if (wish.seq > from.messageCount) {
    throw new AppError('not_found', 'MESSAGE_NOT_FOUND', `The conversation has ${from.messageCount} messages.`);
  }
  const summed = from.summarySeq <= wish.seq;
  return {
    ...beginConversation({ ...from, title: wish.title ?? from.title }, known),
    messageCount: wish.seq,
    summary: summed ? from.summary : '',
    summarySeq: summed ? from.summarySeq : 0,
    branchedFromId: from.id,
    branchedFromSeq: wish.seq,
  };
}

/** Refuses turns of a conversation that has no room for them. */
export function checkRoom({ messageCount }: Conversation): void {
  if (messageCount < maxMessages) return;
  const message = `A conversation has at most ${maxMessages} messages. Branch it, or begin another one.`;
  throw new AppError('failed_precondition', 'CONVERSATION_FULL', message);
}
