import { expect, test } from 'vitest';
import { checkTemplate, fillIn } from './workflow-template.ts';

const parameters = {
  properties: {
    url: { type: 'string' },
    limit: { type: 'integer', minimum: 1, default: 3 },
    tags: { type: 'array', items: { type: 'string' }, default: [] },
  },
  required: ['url'],
};
const definition = {
  steps: [{ id: 'a', url: '{{url}}/x', retry: { maxAttempts: '{{ limit }}' }, body: '{{tags}} at most {{limit}}' }],
  cases: [{ when: 'input.kind == {{url}} && input.n > {{limit}}' }],
};

test('parameters keep their types, defaults are taken, values do not become expressions', () => {
  expect(fillIn({ definition, parameters }, { url: 'https://${run.id}', tags: ['"'] })).toEqual({
    steps: [{ id: 'a', url: 'https://$${run.id}/x', retry: { maxAttempts: 3 }, body: '["\\""] at most 3' }],
    cases: [{ when: 'input.kind == "https://${run.id}" && input.n > 3' }],
  });
});

test('every violation is told', () => {
  expect(() => fillIn({ definition, parameters }, { limit: 0, other: 1 })).toThrow(
    expect.objectContaining({
      reason: 'PARAMETERS_INVALID',
      violations: expect.arrayContaining([
        expect.objectContaining({ field: '/parameters/url', reason: 'PARAMETER_MISSING' }),
        expect.objectContaining({ field: '/parameters/limit', reason: 'PARAMETER_INVALID' }),
      ]),
    }),
  );
});

test('a template names declared parameters only, by a schema that is one', () => {
  expect(() => checkTemplate({ definition, parameters })).not.toThrow();
  expect(() => checkTemplate({ definition, parameters: {} })).toThrow(
    expect.objectContaining({ reason: 'PARAMETER_UNKNOWN' }),
  );
  expect(() => checkTemplate({ definition: {}, parameters: { type: 7 } })).toThrow(
    expect.objectContaining({ reason: 'PARAMETERS_SCHEMA_INVALID' }),
  );
});
