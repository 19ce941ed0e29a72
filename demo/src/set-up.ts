import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { Json, RestClient } from './rest-client.ts';

/** What the demo has put into the fleet before its first run. */
export interface DemoSetUp {
  readonly workflowId: string;
  readonly scoringModelId: string;
  /** The agent that summarises. */
  readonly agentId: string;
}

/** The model that the summariser uses. */
export interface ModelChoice {
  readonly provider: string;
  readonly model: string;
}

const answerSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['summary', 'severity', 'cves'],
  properties: {
    summary: { type: 'string', maxLength: 300 },
    severity: { type: 'string', enum: ['low', 'medium', 'high', 'critical'] },
    cves: { type: 'array', maxItems: 20, items: { type: 'string', maxLength: 20 } },
  },
};

/** Two examples teach a small model the shape; a rule below catches it when it only repeats them. */
const systemPrompt = `You turn changelog entries into JSON. "cves" lists the CVE ids of the entry, "summary" is one plain sentence that names the package, "severity" is low, medium, high or critical.

Package: curl
Entry:
* Rebuild with the new compiler.
* Update the Dutch translation.
Answer: {"cves":[],"summary":"The release of curl was rebuilt with the new compiler and its Dutch translation is updated.","severity":"low"}

Package: expat
Entry:
* Fix CVE-2022-25235: malformed input can crash the parser.
Answer: {"cves":["CVE-2022-25235"],"summary":"The release of expat fixes a crash of the parser on malformed input.","severity":"high"}`;

const rules = [
  {
    name: 'release-watch: length',
    ruleType: 'RULE_TYPE_LENGTH',
    configuration: { min: 30, max: 500, unit: 'characters' },
    weight: 0.3,
  },
  {
    name: 'release-watch: ends as a sentence',
    ruleType: 'RULE_TYPE_REGEX',
    configuration: { pattern: '[.!?]\\s*$', mustMatch: true },
    weight: 0.2,
  },
  {
    name: 'release-watch: no CVE is invented',
    ruleType: 'RULE_TYPE_CUSTOM',
    configuration: { expression: 'output.cves.all(id, context.text.contains(id))' },
    weight: 1,
  },
  {
    name: 'release-watch: names the package',
    ruleType: 'RULE_TYPE_CUSTOM',
    configuration: { expression: "content.lowerAscii().contains(context.package.split('-')[0])" },
    weight: 0.5,
  },
  {
    name: 'release-watch: does not repeat the examples',
    ruleType: 'RULE_TYPE_REGEX',
    configuration: { pattern: 'dutch translation|expat|curl|malformed input', mustMatch: false, flags: 'i' },
    weight: 0.5,
  },
] as const;
const compositeName = 'release-watch: is about the package';
const thresholds = { passThreshold: 0.85, warningThreshold: 0.6 };

const emailTemplate = {
  name: 'release-published-email',
  channel: 'CHANNEL_EMAIL',
  subject: '{{ package }} {{ version }}: {{ outcome }}',
  body: 'Severity {{ severity }}, verdict {{ outcome }}.\n\n{{ summary }}\n',
  variables: ['package', 'version', 'severity', 'summary', 'outcome'],
};
const inboxTemplate = {
  name: 'release-published-inbox',
  channel: 'CHANNEL_IN_APP',
  subject: '',
  body: '{{ package }} {{ version }} was published, verdict {{ outcome }}.',
  variables: ['package', 'version', 'outcome'],
};
const failureTemplate = {
  name: 'release-run-failed',
  channel: 'CHANNEL_IN_APP',
  subject: '',
  body: 'A run of {{ workflow }} failed at {{ step }}: {{ reason }}.',
  variables: ['workflow', 'step', 'reason'],
};

/** Creates what the demo needs through the public API, or finds it from an earlier demo. */
export async function setUp(client: RestClient, model: ModelChoice, runKey: string): Promise<DemoSetUp> {
  const create = (path: string, body: Json) =>
    client.post(path, body, `${runKey}:${path}:${body['name'] ?? body['eventType']}`);

  const agentId = await haveAgent(client, create, model);
  const ruleIds = new Map<string, string>();
  const known = await client.list('/v1/validation-rules', 'rules');
  for (const rule of rules) {
    const found = known.find(({ name }) => name === rule.name);
    ruleIds.set(rule.name, idOf(found ?? (await create('/v1/validation-rules', rule))));
  }
  const part = (name: string) => ({ ruleId: ruleIds.get(name) ?? '' });
  const composite =
    known.find(({ name }) => name === compositeName) ??
    (await create('/v1/validation-rules', {
      name: compositeName,
      ruleType: 'RULE_TYPE_COMPOSITE',
      configuration: { operator: 'and', rules: [part(rules[3].name), part(rules[4].name)] },
      weight: 0.3,
    }));
  const models = await client.list('/v1/scoring-models', 'scoringModels');
  const scoringModel =
    models.find(({ name }) => name === 'release-watch') ??
    (await create('/v1/scoring-models', {
      name: 'release-watch',
      rules: [part(rules[0].name), part(rules[1].name), part(rules[2].name), { ruleId: idOf(composite) }],
      ...thresholds,
    }));

  const templates = await client.list('/v1/notification-templates', 'templates');
  const haveTemplate = async (template: Json) =>
    idOf(
      templates.find(({ name }) => name === template['name']) ?? (await create('/v1/notification-templates', template)),
    );
  await haveTemplate(emailTemplate);
  await haveTemplate(inboxTemplate);
  const failureTemplateId = await haveTemplate(failureTemplate);
  const subscriptions = await client.list('/v1/notification-subscriptions', 'subscriptions');
  if (!subscriptions.some(({ templateId }) => templateId === failureTemplateId)) {
    await create('/v1/notification-subscriptions', {
      eventType: 'flotilla.workflow.v1.InstanceFailed',
      filter: "event.instance.workflowSlug == 'release-watch'",
      templateId: failureTemplateId,
      variables: {
        workflow: 'event.instance.workflowSlug',
        step: 'event.instance.errorStep',
        reason: 'event.instance.errorReason',
      },
    });
  }
  return { workflowId: await haveWorkflow(client, create), scoringModelId: idOf(scoringModel), agentId };
}

type Create = (path: string, body: Json) => Promise<Json>;

async function haveAgent(client: RestClient, create: Create, model: ModelChoice): Promise<string> {
  const agent = {
    ...model,
    systemPrompt,
    outputSchema: answerSchema,
    parameters: { temperature: 0, maxTokens: 160, seed: '7' },
    limits: { timeout: '110s', maxAttempts: 3 },
  };
  const [known] = await client.list('/v1/agents?slug=release-summariser', 'agents');
  if (known !== undefined) return idOf(await client.patch(`/v1/agents/${idOf(known)}`, agent));
  return idOf(await create('/v1/agents', { name: 'Release summariser', slug: 'release-summariser', ...agent }));
}

async function haveWorkflow(client: RestClient, create: Create): Promise<string> {
  const definition = JSON.parse(
    readFileSync(new URL('../definitions/release-watch.json', import.meta.url), 'utf8'),
  ) as Json;
  const [known] = await client.list('/v1/workflows?slug=release-watch', 'workflows');
  if (known?.['status'] === 'WORKFLOW_STATUS_ACTIVE' && isDeepStrictEqual(known['definition'], definition)) {
    return idOf(known);
  }
  const draft =
    known === undefined
      ? await create('/v1/workflows', { name: 'Release watch', slug: 'release-watch', definition })
      : await client.patch(`/v1/workflows/${idOf(known)}`, { definition });
  await client.post(`/v1/workflows/${idOf(draft)}:activate`, {}, randomUUID());
  return idOf(draft);
}

function idOf(resource: Json): string {
  return String(resource['id']);
}
