import type { AgentContent } from '../domain/agent.ts';
import type { Said } from '../domain/message.ts';
import type { Message, ModelCall } from '../providers/model-provider.ts';

/** A wrong answer is shown to the model up to this length. */
const shownCharacters = 8_000;

/** What is asked first. */
export function firstCall(content: AgentContent, context: readonly Said[], prompt: string): ModelCall {
  const { model, parameters, outputSchema, systemPrompt } = content;
  return {
    model,
    parameters,
    outputSchema,
    messages: [
      { role: 'system', content: systemPrompt },
      ...context.flatMap(toMessage),
      { role: 'user', content: prompt },
    ],
  };
}

function toMessage({ role, content }: Said): Message[] {
  return role === 'tool' ? [] : [{ role, content }];
}

/** Asks again, with what was wrong with the answer. */
export function repairCall(call: ModelCall, answer: string, problems: readonly string[]): ModelCall {
  const wish = [
    'Your answer does not fit:',
    ...problems.map((problem) => `- ${problem}`),
    'Answer again, with nothing but JSON that fits this JSON Schema:',
    JSON.stringify(call.outputSchema),
  ].join('\n');
  return {
    ...call,
    messages: [
      ...call.messages,
      { role: 'assistant', content: answer.slice(0, shownCharacters) },
      { role: 'user', content: wish },
    ],
  };
}
