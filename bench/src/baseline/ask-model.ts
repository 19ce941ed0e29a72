import { Pool } from 'undici';
import type { AgentRow } from './statements.ts';

export interface ModelAnswer {
  readonly text: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

interface Chunk {
  readonly choices: readonly { readonly delta?: { readonly content?: string } }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number };
}

const pools = new Map<string, Pool>();

/** Asks an OpenAI-compatible server for a streamed answer, as the service does. */
export async function askModel(modelUrl: string, agent: AgentRow, prompt: string): Promise<ModelAnswer> {
  const { origin, pathname } = new URL(modelUrl);
  const pool = pools.get(origin) ?? new Pool(origin, { connections: 128 });
  pools.set(origin, pool);
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: `${pathname}/chat/completions`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: agent.model,
      stream: true,
      stream_options: { include_usage: true },
      messages: [
        { role: 'system', content: agent.system_prompt },
        { role: 'user', content: prompt },
      ],
    }),
  });
  const events = await body.text();
  if (statusCode !== 200) throw new Error(`the model answered ${statusCode}`);
  let text = '';
  let usage = { prompt_tokens: 0, completion_tokens: 0 };
  for (const line of events.split('\n')) {
    if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
    const chunk = JSON.parse(line.slice(6)) as Chunk;
    text += chunk.choices[0]?.delta?.content ?? '';
    usage = chunk.usage ?? usage;
  }
  return { text, promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens };
}
