import type { ToolPort } from './tool-port.ts';

/** The port of a fleet without tools: models may ask for an agent's tools, and are told precisely that there are none. */
export const unavailableTools: ToolPort = {
  declare: async (_scope, names) =>
    names.map((name) => ({ name, description: `The tool "${name}".`, parameters: { type: 'object' } })),
  call: async ({ name }) => ({
    ok: false,
    reason: 'TOOL_UNAVAILABLE',
    content: `The tool "${name}" is not available: this fleet has no tool service.`,
  }),
};
