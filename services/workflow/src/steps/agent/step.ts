import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { StepKind } from '../../domain/step-kind.ts';

/** What is asked of llm-agent. */
export interface AgentRequest extends JsonObject {
  /** One of the two names the agent. */
  agentId: string | null;
  agentSlug: string | null;
  /** 0 is the newest. */
  agentVersion: number;
  prompt: string;
}

const template = { type: 'string', minLength: 1 };

/** Asks an agent. Leaves `output` (the value, or the text where the agent has no output schema), `text` and `executionId`. */
export const agentStep: StepKind = {
  kind: 'agent',
  role: 'asks',
  takesLong: true,
  effect: false,
  required: ['prompt'],
  fields: {
    agentId: { ...template, description: 'Template of the id; or `agentSlug`.' },
    agentSlug: { ...template, description: 'Template of the slug; or `agentId`.' },
    agentVersion: { type: 'integer', minimum: 0, description: '0 means the newest.' },
    prompt: { ...template, description: 'Template.' },
    reask: { ...template, description: 'Template of the prompt when the agent is asked again; none means `prompt`.' },
  },
  read(fields, reader) {
    const optional = (name: string) =>
      fields[name] === undefined
        ? undefined
        : reader.template(`/${name}`, fields[name] as JsonValue, { result: 'text' });
    const agentId = optional('agentId');
    const agentSlug = optional('agentSlug');
    const reask = optional('reask');
    const prompt = reader.template('/prompt', fields['prompt'] as JsonValue, { result: 'text' });
    if ((agentId === undefined) === (agentSlug === undefined)) {
      reader.problem(
        agentId === undefined ? '/agentId' : '/agentSlug',
        'FIELD_INVALID',
        'Either "agentId" or "agentSlug" names the agent.',
      );
    }
    const version = typeof fields['agentVersion'] === 'number' ? fields['agentVersion'] : 0;
    for (const [field, by] of [
      ['agentId', 'id'],
      ['agentSlug', 'slug'],
    ] as const) {
      const name = fields[field];
      if (typeof name === 'string' && !name.includes('${')) reader.agent(`/${field}`, { by, name, version });
    }
    return {
      editable: { prompt: 'text' },
      leaves: { type: 'object', required: ['output'], properties: { text: { type: 'string' } } },
      plan(scope, visit): AgentRequest {
        const words = visit > 1 && reask !== undefined ? reask : prompt;
        return {
          agentId: agentId === undefined ? null : (agentId(scope) as string),
          agentSlug: agentSlug === undefined ? null : (agentSlug(scope) as string),
          agentVersion: version,
          prompt: words(scope) as string,
        };
      },
    };
  },
};
