import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import type { InputPart } from '../domain/input.ts';
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

/** The SDK's form of one message; files by their hashes. */
export function toSdkMessage(
  message: Message,
  files: ReadonlyMap<string, Uint8Array>,
): LanguageModelV4CallOptions['prompt'][number] {
  const { role, content, parts = [] } = message;
  switch (role) {
    case 'system':
      return { role, content };
    case 'user':
      return { role, content: [{ type: 'text', text: content }, ...parts.map((part) => toSdkPart(part, files))] };
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

function toSdkPart(part: InputPart, files: ReadonlyMap<string, Uint8Array>) {
  if (part.type === 'text') return part;
  const { mediaType, fileName, sha256 } = part;
  const data = files.get(sha256);
  if (data === undefined) throw new Error(`The file ${sha256} was not loaded.`);
  const name = fileName === '' ? {} : { filename: fileName };
  return { type: 'file' as const, mediaType, ...name, data: { type: 'data' as const, data } };
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
