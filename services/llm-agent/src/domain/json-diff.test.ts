import { expect, test } from 'vitest';
import { diffJson } from './json-diff.ts';

test('differences have their places, as deep as they go', () => {
  const before = { model: 'a', parameters: { topP: 1 }, tools: ['x', 'y'], schema: { 'a/b': { type: 'string' } } };
  const after = { model: 'a', parameters: { topP: 1, seed: 7 }, tools: ['x'], schema: { 'a/b': ['string'] } };
  expect(diffJson(before, after)).toEqual([
    { pointer: '/parameters/seed', before: undefined, after: 7 },
    { pointer: '/schema/a~1b', before: { type: 'string' }, after: ['string'] },
    { pointer: '/tools/1', before: 'y', after: undefined },
  ]);
});

test('what every object inherits is no difference, what one has of that name is', () => {
  expect(diffJson({}, { constructor: 1 })).toEqual([{ pointer: '/constructor', before: undefined, after: 1 }]);
  expect(diffJson({ a: null }, {})).toEqual([{ pointer: '/a', before: null, after: undefined }]);
  expect(diffJson({ a: [1, { b: null }] }, { a: [1, { b: null }] })).toEqual([]);
});
