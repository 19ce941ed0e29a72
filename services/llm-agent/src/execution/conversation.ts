import type { AgentContent } from '../domain/agent.ts';
import type { InputPart } from '../domain/input.ts';
import type { Said, ToolCall } from '../domain/message.ts';
import type { Message, ModelCall } from '../providers/model-provider.ts';
import type { ToolDeclaration } from '../tools/tool-port.ts';

/** A wrong answer is shown to the model up to this length. */
const shownCharacters = 8_000;

/** What is asked first. */
export function firstCall(
  content: AgentContent,
  tools: readonly ToolDeclaration[],
  context: readonly Said[],
  { prompt, parts }: { readonly prompt: string; readonly parts: readonly InputPart[] },
): ModelCall {
  const { model, parameters, outputSchema, systemPrompt } = content;
  return {
    model,
    parameters,
    outputSchema,
    tools,
    messages: [
      { role: 'system', content: systemPrompt },
      ...toMessages(context),
      { role: 'user', content: prompt, ...(parts.length === 0 ? {} : { parts }) },
    ],
  };
}

/** A result is told with the name of its tool, which stands with its call. */
function toMessages(context: readonly Said[]): Message[] {
  const names = new Map(context.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id, name }) => [id, name])));
  return context.map((said) => {
    const toolName = said.toolCallId === undefined ? undefined : names.get(said.toolCallId);
    return toolName === undefined ? said : { ...said, toolName };
  });
}

/** Goes on with what the tools answered. */
export function toolsCall(
  call: ModelCall,
  said: { readonly answer: string; readonly calls: readonly ToolCall[] },
  results: readonly Message[],
): ModelCall {
  const assistant: Message = { role: 'assistant', content: said.answer, toolCalls: said.calls };
  return { ...call, messages: [...call.messages, assistant, ...results] };
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
