import type { OwnFleet } from '@flotilla/deploy';
import { createRest, type Rest } from '../rest.ts';
import { tokensOfAnswer } from './provider.ts';
import { callsAtOnce, heldShape, type Shape, shapes } from './shapes.ts';
import { tenantOf } from './stores.ts';

/** The tenant of the drill and what its runs need. */
export interface World {
  readonly rest: Rest;
  readonly tenantId: string;
  readonly workflowIds: ReadonlyMap<Shape, string>;
}

/** So many tokens cost as many micro-dollars. */
const usdMicrosPerMillion = 1_000_000;
const maxTokens = 50;
/** Of the calls of the runs that ask both agents with a budget, these shares can be paid for: the second is asked after the first. */
const affordable = { frugal: 0.25, dear: 0.12 } as const;
/** The most that one of their calls may cost: every byte of its prompt, and `maxTokens`. */
const reservation = 160;

/** Makes everything through the public REST API. */
export async function prepareWorld(fleet: OwnFleet, { modelUrl, runs }: { modelUrl: string; runs: number }) {
  const rest = createRest(fleet.url, fleet.apiKey);
  await prepareAgents(rest, modelUrl, runs);
  await rest.ask('POST', '/v1/notification-templates', {
    name: 'drill',
    channel: 'in_app',
    body: 'Run {{ run }}.',
    variables: ['run'],
  });
  const workflowIds = new Map<Shape, string>();
  for (const shape of [...shapes, heldShape]) {
    const { name, definition } = shape;
    const { id } = await rest.ask('POST', '/v1/workflows', { name, slug: `drill-${name}`, definition });
    await rest.ask('POST', `/v1/workflows/${id}:activate`, {});
    workflowIds.set(shape, id);
  }
  const world: World = { rest, tenantId: await tenantOf(fleet, 'flotilla'), workflowIds };
  return world;
}

/** One agent without a budget of its own, one with a budget of tokens, one of money; a budget that is never reached bounds them all. */
async function prepareAgents(rest: Rest, modelUrl: string, runs: number): Promise<void> {
  await rest.ask('POST', '/v1/providers', {
    name: 'Scripted',
    slug: 'scripted',
    kind: 'PROVIDER_KIND_OPENAI_COMPATIBLE',
    baseUrl: modelUrl,
    timeout: '5s',
  });
  const total = { period: 'BUDGET_PERIOD_TOTAL' };
  const limitFor = (share: number) => {
    const callsPaid = Math.max(1, Math.floor((runs / shapes.length) * callsAtOnce * share));
    return String((tokensOfAnswer.prompt + tokensOfAnswer.completion) * (callsPaid - 1) + reservation);
  };
  await rest.ask('POST', '/v1/budgets', { level: 'BUDGET_LEVEL_TENANT', ...total, limitTokens: '1000000000' });
  await rest.ask('POST', '/v1/prices', {
    provider: 'scripted',
    model: 'drill-dear',
    inputUsdMicros: String(usdMicrosPerMillion),
    outputUsdMicros: String(usdMicrosPerMillion),
  });
  for (const [slug, limits] of [
    ['drill', undefined],
    ['drill-frugal', { limitTokens: limitFor(affordable.frugal) }],
    ['drill-dear', { limitUsdMicros: limitFor(affordable.dear) }],
  ] as const) {
    const { id: agentId } = await rest.ask('POST', '/v1/agents', {
      name: slug,
      slug,
      provider: 'scripted',
      model: slug,
      systemPrompt: 'You answer briefly.',
      parameters: { maxTokens },
      limits: { maxAttempts: 10 },
    });
    if (limits !== undefined) {
      await rest.ask('POST', '/v1/budgets', { level: 'BUDGET_LEVEL_AGENT', agentId, ...total, ...limits });
    }
  }
}
