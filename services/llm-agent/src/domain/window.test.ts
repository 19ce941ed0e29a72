import { expect, test } from 'vitest';
import type { Message } from './message.ts';
import { summaryDue, toContext, windowLimits } from './window.ts';

const message = (seq: number, different: Partial<Message> = {}): Message => ({
  id: `${seq}`,
  conversationId: 'c',
  seq,
  role: seq % 2 === 1 ? 'user' : 'assistant',
  content: `m${seq}`,
  parts: [],
  toolCalls: [],
  toolCallId: '',
  executionId: undefined,
  interrupted: false,
  promptTokens: 0,
  completionTokens: 0,
  model: '',
  latencyMs: undefined,
  createdAt: new Date(0),
  ...different,
});

test('a window is told with the summary before it, and never begins with a tool that nobody called', () => {
  const orphan = message(4, { role: 'tool', toolCallId: 'a' });
  expect(toContext([orphan, message(5)], 'Ada asked.')).toEqual([
    { role: 'system', content: 'What was said before:\nAda asked.' },
    { role: 'user', content: 'm5' },
  ]);
  expect(toContext([orphan], '')).toEqual([]);
});

test('a token is four bytes, and no window is larger than a prompt', () => {
  expect(windowLimits({ lastMessages: 7, tokenBudget: 10, summary: false })).toEqual({ messages: 7, bytes: 40 });
  expect(windowLimits({ lastMessages: 7, tokenBudget: 0, summary: false }).bytes).toBe(500_000);
});

test('a summary is due when messages that it is not about fall out, and goes into the window by half', () => {
  const policy = { lastMessages: 4, tokenBudget: 0, summary: true };
  const window = [message(7), message(8), message(9), message(10)];
  expect(summaryDue(policy, window, { summarySeq: 0, messageCount: 10 })).toBe(8);
  expect(summaryDue(policy, window, { summarySeq: 6, messageCount: 10 })).toBeUndefined();
  expect(summaryDue({ ...policy, summary: false }, window, { summarySeq: 0, messageCount: 10 })).toBeUndefined();
  // A single message that is larger than the budget.
  expect(summaryDue(policy, [], { summarySeq: 0, messageCount: 1 })).toBe(1);
  expect(summaryDue(policy, [], { summarySeq: 0, messageCount: 0 })).toBeUndefined();
});
