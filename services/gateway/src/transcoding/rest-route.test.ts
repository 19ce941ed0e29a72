import { methodRules, services } from '@flotilla/contracts';
import { expect, test } from 'vitest';
import { allowedVerbs, restRoutes, routerPath } from './rest-route.ts';
import { createdAt } from './show-reply.ts';

const routes = restRoutes(services);

test('internal methods have no route, and no two routes are the same', () => {
  expect(routes.filter((route) => methodRules(route.method).internal)).toEqual([]);
  const places = routes.map((route) => `${route.verb} ${route.template.replace(/\{\w+\}/g, '{}')}`);
  expect(new Set(places).size).toBe(places.length);
});

test('a verb after a colon is literal, an id holds no colon', () => {
  const paths = routes.map(routerPath);
  expect(paths).toContain('/v1/agents/:agent_id([^:/]+)::execute');
  expect(allowedVerbs(routes, '/v1/agents/7:execute')).toEqual(['POST']);
  expect(allowedVerbs(routes, '/v1/agents/7')).toEqual(['DELETE', 'GET', 'PATCH']);
  expect(allowedVerbs(routes, '/v1/agents/7:fly')).toEqual([]);
});

test('what a POST to a collection makes can be read below it', () => {
  const route = routes.find((candidate) => candidate.method.name === 'CreateAgent');
  const login = routes.find((candidate) => candidate.method.name === 'Login');
  if (route === undefined || login === undefined) throw new Error('routes are missing');
  expect(createdAt(route, routes)?.('a b')).toBe('/v1/agents/a%20b');
  expect(createdAt(login, routes)).toBeUndefined();
});
