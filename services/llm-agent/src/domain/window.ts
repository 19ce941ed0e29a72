import type { WindowPolicy } from './conversation.ts';
import { labelOf } from './input.ts';
import type { Message, Said } from './message.ts';

/** Nobody knows a model's tokens before it has counted them: four bytes is what most text comes to. */
export const bytesPerToken = 4;
const maxWindowBytes = 500_000;
const maxTranscriptBytes = 300_000;
const maxSummaryCharacters = 20_000;

/** What may be loaded for a window: a conversation can be far larger than memory. */
export function windowLimits({ lastMessages, tokenBudget }: WindowPolicy): { messages: number; bytes: number } {
  const budget = tokenBudget === 0 ? maxWindowBytes : tokenBudget * bytesPerToken;
  return { messages: lastMessages, bytes: Math.min(budget, maxWindowBytes) };
}

/** How much of the messages that a summary is about goes into it. */
export const transcriptBytes = maxTranscriptBytes;

/** The window as a model is told it: the summary of what came before, then the messages. `messages` are in their order. */
export function toContext(messages: readonly Message[], summary: string): Said[] {
  // A tool's result without its call is refused by providers.
  const first = messages.findIndex(({ role }) => role !== 'tool');
  const told = first === -1 ? [] : messages.slice(first).map(toSaid);
  return summary === '' ? told : [{ role: 'system', content: `What was said before:\n${summary}` }, ...told];
}

/**
 * Up to which message a new summary should go, if one is due: messages that no summary is about have fallen out of the
 * window. It goes into the window by half, so that not each turn makes one.
 */
export function summaryDue(
  policy: WindowPolicy,
  window: readonly Pick<Message, 'seq'>[],
  known: { summarySeq: number; messageCount: number },
): number | undefined {
  if (!policy.summary || known.messageCount === 0) return undefined;
  const firstSeq = window[0]?.seq ?? known.messageCount + 1;
  if (firstSeq <= known.summarySeq + 1) return undefined;
  return firstSeq - 1 + Math.floor(window.length / 2);
}

/** What the agent is asked for a summary. */
export function summaryPrompt(summary: string, messages: readonly Message[]): string {
  return [
    'Sum up the following conversation for yourself, so that you can go on with it. Keep names, numbers, decisions and',
    'open questions. Answer with the summary alone.',
    ...(summary === '' ? [] : ['', 'What you noted before:', summary]),
    '',
    ...messages.map(({ role, content, parts }) => `${role}: ${[content, ...parts.map(labelOf)].join('\n')}`),
  ]
    .join('\n')
    .slice(0, maxTranscriptBytes + maxSummaryCharacters);
}

/** A summary that is as long as what it sums up is none. */
export function boundedSummary(text: string): string {
  return text.slice(0, maxSummaryCharacters).toWellFormed();
}

function toSaid({ role, content, parts, toolCalls, toolCallId }: Message): Said {
  return {
    role,
    content,
    ...(parts.length === 0 ? {} : { parts }),
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...(toolCallId === '' ? {} : { toolCallId }),
  };
}
