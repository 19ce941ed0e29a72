import { expect, test } from 'vitest';
import { checkRouting, createRecordedRoutes, createRoutes } from './routing.ts';

const [a, b, c] = ['a', 'b', 'c'].map((provider) => ({ provider, model: 'm' })) as [Route, Route, Route];
type Route = { provider: string; model: string };

test('a provider that cannot serve for now is left for the next; one that refuses is not, unless configured', () => {
  const routes = createRoutes(a, { fallbacks: [b, c] });
  expect(routes.hop('PROVIDER_REFUSED')).toBe(false);
  expect(routes.hop('OUTPUT_INVALID')).toBe(false);
  expect(routes.hop('PROVIDER_RATE_LIMITED')).toBe(true);
  expect(routes.current).toBe(b);
  expect(routes.hop('PROVIDER_CIRCUIT_OPEN')).toBe(true);
  expect([routes.hop('PROVIDER_TIMEOUT'), routes.current]).toEqual([false, c]);
  const willing = createRoutes(a, { fallbacks: [b], hopOnRefusal: true });
  expect([willing.hop('EXECUTION_TIMEOUT'), willing.hop('PROVIDER_REFUSED')]).toEqual([false, true]);
});

test('a replay goes the way of then, retries and repairs included', () => {
  const routes = createRecordedRoutes([a, a, b, { ...b }, c]);
  const went = ['PROVIDER_UNAVAILABLE', 'PROVIDER_RATE_LIMITED', '', 'PROVIDER_REFUSED', 'PROVIDER_UNAVAILABLE'].map(
    (reason) => [routes.hop(reason), routes.current],
  );
  expect(went).toEqual([
    [false, a],
    [true, b],
    [false, b],
    [true, c],
    [false, c],
  ]);
});

test('a chain names known providers, and no route twice', () => {
  const known = new Set(['a', 'b']);
  expect(() => checkRouting(a, { fallbacks: [b, { ...a, model: 'other' }] }, known)).not.toThrow();
  expect(() => checkRouting(a, { fallbacks: [c] }, known)).toThrow(
    expect.objectContaining({ reason: 'PROVIDER_UNKNOWN' }),
  );
  expect(() => checkRouting(a, { fallbacks: [b, a] }, known)).toThrow(
    expect.objectContaining({ reason: 'FALLBACK_REPEATED' }),
  );
});
