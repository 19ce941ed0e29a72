import type { JsonObject } from '../src/domain/json.ts';

/** A definition with every kind of step: open, summarise, check (asks again once), route, publish, notify. */
export function releaseWatch(): JsonObject {
  return {
    input: {
      schema: {
        type: 'object',
        additionalProperties: false,
        required: ['package', 'changelog', 'tracker', 'agentId', 'scoringModelId', 'templateId'],
        properties: {
          package: { type: 'string' },
          changelog: { type: 'string', maxLength: 100_000 },
          tracker: { type: 'string', pattern: '^http://' },
          agentId: { type: 'string' },
          scoringModelId: { type: 'string' },
          templateId: { type: 'string' },
        },
      },
    },
    steps: [
      {
        id: 'open',
        kind: 'http',
        url: '${input.tracker}/records',
        body: { title: 'Release of ${input.package}', runId: '${run.id}' },
        undo: { url: '${input.tracker}/undo', body: { key: '${effect.key}' } },
        timeoutMs: 5000,
        retry: { maxAttempts: 3, initialIntervalMs: 50 },
        next: 'summarise',
      },
      {
        id: 'summarise',
        kind: 'agent',
        agentId: '${input.agentId}',
        prompt: 'Summarise:\n${input.changelog}',
        reask: 'Summarise again. What was wrong: ${steps.check.findings}\n${input.changelog}',
        next: 'check',
      },
      {
        id: 'check',
        kind: 'validation',
        scoringModelId: '${input.scoringModelId}',
        content: '${steps.summarise.text}',
        output: '${steps.summarise.output}',
        context: { input: '${input.changelog}' },
        minimum: 'warning',
        reask: { step: 'summarise', maxVisits: 2 },
        next: 'route',
      },
      {
        id: 'route',
        kind: 'decision',
        cases: [
          { when: "steps.check.output.outcome == 'warning'", next: 'publish_review' },
          { when: "steps.summarise.output.severity in ['none', 'low']", next: '$end' },
        ],
        default: { next: 'publish' },
      },
      publish('publish', 'published'),
      publish('publish_review', 'needs review'),
      {
        id: 'notify',
        kind: 'notification',
        templateId: '${input.templateId}',
        variables: { package: '${input.package}' },
      },
    ],
    output: { severity: '${steps.summarise.output.severity}', record: '${steps.open.output.body.id}' },
  };
}

function publish(id: string, label: string): JsonObject {
  return {
    id,
    kind: 'http',
    url: '${input.tracker}/records/${steps.open.output.body.id}/publish',
    body: { label },
    undo: { url: '${input.tracker}/undo', body: { key: '${effect.key}' } },
    retry: { maxAttempts: 2, initialIntervalMs: 50 },
    next: 'notify',
  };
}

/** Open, a decision, publish: three steps that take no time. */
export function quickWatch(changes: JsonObject = {}, ofOpen: JsonObject = {}): JsonObject {
  const { input, steps } = releaseWatch() as { input: JsonObject; steps: JsonObject[] };
  const step = (id: string) => steps.find((one) => one['id'] === id) ?? { id };
  const route = {
    id: 'route',
    kind: 'decision',
    cases: [{ when: 'true', next: 'publish' }],
    default: { next: '$end' },
  };
  return {
    input,
    steps: [{ ...step('open'), next: 'route', ...ofOpen }, route, { ...step('publish'), next: '$end' }],
    output: { record: '${steps.open.output.body.id}' },
    ...changes,
  };
}
