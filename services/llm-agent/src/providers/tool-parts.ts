import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import type { ToolCall } from '../domain/message.ts';
import type { ToolDeclaration } from '../tools/tool-port.ts';
import type { Message } from './model-provider.ts';

/** The SDK's form of what a model is told about its tools. */
export function toSdkTools(
  tools: readonly ToolDeclaration[],
): Pick<LanguageModelV4CallOptions, 'tools' | 'toolChoice'> {
  if (tools.length === 0) return {};
  return {
    tools: tools.map(({ name, description, parameters }) => ({
      type: 'function',
      name,
      description,
      inputSchema: parameters as Record<string, never>,
    })),
    toolChoice: { type: 'auto' },
  };
}

/** The SDK's form of one message. */
export function toSdkMessage(message: Message): LanguageModelV4CallOptions['prompt'][number] {
  const { role, content } = message;
  switch (role) {
    case 'system':
      return { role, content };
    case 'user':
      return { role, content: [{ type: 'text', text: content }] };
    case 'assistant': {
      const calls = (message.toolCalls ?? []).map(({ id, name, arguments: given }) => ({
        type: 'tool-call' as const,
        toolCallId: id,
        toolName: name,
        input: parsed(given),
      }));
      const said = content === '' && calls.length > 0 ? [] : [{ type: 'text' as const, text: content }];
      return { role, content: [...said, ...calls] };
    }
    case 'tool': {
      const output = { type: 'text' as const, value: content };
      const { toolCallId = '', toolName = '' } = message;
      return { role, content: [{ type: 'tool-result', toolCallId, toolName, output }] };
    }
  }
}

/** A call that the model asks for. Postgres stores no NUL. */
export function toToolCall(part: Extract<LanguageModelV4StreamPart, { type: 'tool-call' }>): ToolCall {
  const stored = (text: string) => text.replaceAll('\u0000', '\ufffd').toWellFormed();
  return { id: stored(part.toolCallId), name: stored(part.toolName), arguments: stored(part.input) };
}

/** What was no JSON goes back as it was. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text);
  } catch {
    return text;
  }
}
