/** Events of Anthropic's streamed messages, as its server writes them. */
const event = (type: string, body: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;

/** An answer as text, or, where the model was given a tool to answer by, as that tool's input. */
export function anthropicAnswer(model: string, tool: string | undefined) {
  const block =
    tool === undefined ? { type: 'text', text: '' } : { type: 'tool_use', id: 'toolu_1', name: tool, input: {} };
  return {
    start(inputTokens: number): string {
      const message = {
        id: 'msg_scripted',
        type: 'message',
        role: 'assistant',
        model,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: inputTokens, output_tokens: 1 },
      };
      const begin = { index: 0, content_block: block };
      return event('message_start', { message }) + event('content_block_start', begin) + event('ping', {});
    },
    piece(text: string): string {
      const delta =
        tool === undefined ? { type: 'text_delta', text } : { type: 'input_json_delta', partial_json: text };
      return event('content_block_delta', { index: 0, delta });
    },
    end(cutOff: boolean, outputTokens: number): string {
      const delta = {
        stop_reason: cutOff ? 'max_tokens' : tool === undefined ? 'end_turn' : 'tool_use',
        stop_sequence: null,
      };
      return (
        event('content_block_stop', { index: 0 }) +
        event('message_delta', { delta, usage: { output_tokens: outputTokens } }) +
        event('message_stop', {})
      );
    },
  };
}
