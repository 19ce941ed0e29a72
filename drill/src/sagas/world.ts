import type { OwnFleet } from '@flotilla/deploy';
import { createRest, type Rest } from '../rest.ts';
import { type Shape, shapes } from './shapes.ts';
import { tenantOf } from './stores.ts';

/** The tenant of the drill and what its runs need. */
export interface World {
  readonly rest: Rest;
  readonly tenantId: string;
  readonly workflowIds: ReadonlyMap<Shape, string>;
}

/** Makes everything through the public REST API. */
export async function prepareWorld(fleet: OwnFleet): Promise<World> {
  const rest = createRest(fleet.url, fleet.apiKey);
  await rest.ask('POST', '/v1/agents', {
    name: 'Drill',
    slug: 'drill',
    provider: 'openai-compatible',
    model: 'scripted',
    systemPrompt: 'You answer briefly.',
  });
  await rest.ask('POST', '/v1/notification-templates', {
    name: 'drill',
    channel: 'in_app',
    body: 'Run {{ run }}.',
    variables: ['run'],
  });
  const workflowIds = new Map<Shape, string>();
  for (const shape of shapes) {
    const { name, definition } = shape;
    const { id } = await rest.ask('POST', '/v1/workflows', { name, slug: `drill-${name}`, definition });
    await rest.ask('POST', `/v1/workflows/${id}:activate`, {});
    workflowIds.set(shape, id);
  }
  return { rest, tenantId: await tenantOf(fleet, 'flotilla'), workflowIds };
}
