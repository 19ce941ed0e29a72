import { expect, test } from 'vitest';
import { definitionOf } from '../../../test/simulate.ts';
import { interpret } from '../../domain/interpret.ts';
import type { JsonObject } from '../../domain/json.ts';
import { foldJournal, statusOf } from '../../domain/run-state.ts';
import { durationMs } from './duration.ts';

const start = new Date('2026-11-23T00:00:00Z');
const run = { id: 'r', workflowId: 'w', workflowSlug: 's', workflowVersion: 1, startedBy: 'u' };

/** What a run of one wait answers at its start. */
function begin(wait: JsonObject, input: JsonObject = {}) {
  const definition = definitionOf({
    steps: [{ id: 'rest', kind: 'wait', ...wait }],
    output: { until: '${steps.rest.output.until}' },
  });
  const journal = [{ kind: 'instance_started', input, occurredAt: start.toISOString() } as const];
  return { definition, ...interpret(definition, run, foldJournal(journal), start) };
}

test.each([
  [{ duration: 1500 }, '2026-11-23T00:00:01.500Z'],
  [{ duration: 'PT1H' }, '2026-11-23T01:00:00.000Z'],
  [{ duration: "${duration('90s')}" }, '2026-11-23T00:01:30.000Z'],
  [{ duration: '${input.ms}' }, '2026-11-23T00:00:02.000Z'],
  [{ until: "${timestamp(run.startedAt) + duration('1h')}" }, '2026-11-23T01:00:00.000Z'],
])('%j waits until %s, asks nobody, and then goes on', (wait, until) => {
  const { definition, state, actions } = begin(wait, { ms: 2000 });
  expect(actions).toEqual([{ type: 'wait', until }]);
  const early = interpret(definition, run, state, new Date(Date.parse(until) - 1));
  expect(early.entries).toEqual([]);
  const due = interpret(definition, run, state, new Date(until));
  expect(due.entries.map(({ kind }) => kind)).toEqual(['step_completed', 'instance_completed']);
  expect(due.state.output).toEqual({ until });
});

test('a time that has passed is not waited for', () => {
  expect(statusOf(begin({ until: '2020-01-01T00:00:00Z' }).state)).toBe('completed');
});

test('what is no duration or time fails the step with its reason', () => {
  for (const wait of [{ duration: '${input.ms}' }, { until: '${input.ms}' }, { duration: 'P${input.ms}Y' }]) {
    expect(begin(wait, { ms: 'soon' }).state.failing).toMatchObject({ reason: 'WAIT_INVALID', path: 'rest' });
  }
  expect(() => definitionOf({ steps: [{ id: 'rest', kind: 'wait', duration: 'soon' }] })).toThrow('FIELD_INVALID');
  expect(() => definitionOf({ steps: [{ id: 'rest', kind: 'wait' }] })).toThrow('FIELD_INVALID');
});

test('durations are read as ISO 8601 and CEL write them', () => {
  expect(['P1DT2H3M4.5S', 'PT15M', '0.25s', 'P', 'PT', 'P1Y', '-1s', 'PT1M2H'].map(durationMs)).toEqual([
    93_784_500,
    900_000,
    250,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
