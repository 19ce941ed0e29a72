import { randomUUID } from 'node:crypto';
import { eventually } from '@flotilla/testing';
import { expect } from 'vitest';
import type { Account, Fleet } from './fleet.ts';

/** One resource of each kind in one tenant, by the word that fields use for it: `agent` for `agent_id`. */
export type Estate = Readonly<Record<Kind, string>>;
export type Kind =
  | 'agent'
  | 'execution'
  | 'conversation'
  | 'provider'
  | 'own_provider'
  | 'budget'
  | 'workflow'
  | 'instance'
  | 'task'
  | 'job'
  | 'schedule'
  | 'trigger'
  | 'workflow_template'
  | 'approval'
  | 'compensation'
  | 'rule'
  | 'scoring_model'
  | 'validation'
  | 'template'
  | 'notification'
  | 'subscription'
  | 'user'
  | 'api_key'
  | 'tenant'
  | 'audit_event';

/** A definition that needs nothing but the workflow service. */
export const tinyDefinition = {
  steps: [{ id: 'route', kind: 'decision', cases: [{ when: 'true', next: '$end' }], default: { next: '$end' } }],
};

/** The agent that asks the played model. */
export const agentOf = (slug: string) => ({
  name: slug,
  slug,
  provider: 'openai-compatible',
  model: 'scripted',
  systemPrompt: 'You answer briefly.',
});

/** Creates them all through REST, with `mark` in their names. The model must be playing. */
export async function buildEstate(
  fleet: Fleet,
  { key, userId, tenantId }: Account,
  mark = randomUUID().slice(0, 8),
): Promise<Estate> {
  const post = (path: string, body: unknown) => fleet.ok('POST', path, { key, body });

  const agent = await post('/v1/agents', agentOf(`agent-${mark}`));
  const execution = await post(`/v1/agents/${agent.id}:execute`, { prompt: 'Say hello.' });
  expect(execution.status).toBe('EXECUTION_STATUS_COMPLETED');
  const conversation = await post('/v1/conversations', { agentId: agent.id, title: `talk-${mark}` });
  await post(`/v1/conversations/${conversation.id}:send`, { content: 'Say hello.' });
  const providerOf = (slug: string) => ({ name: slug, slug, kind: 'PROVIDER_KIND_OPENAI', secret: `sk-${mark}` });
  const provider = await post('/v1/providers', providerOf(`provider-${mark}`));
  const ownProvider = await post('/v1/own-providers', providerOf(`own-${mark}`));
  const budget = await post('/v1/budgets', {
    level: 'BUDGET_LEVEL_AGENT',
    agentId: agent.id,
    period: 'BUDGET_PERIOD_MONTH',
    limitTokens: '1000000',
  });
  const workflow = await post('/v1/workflows', { name: 'W', slug: `workflow-${mark}`, definition: tinyDefinition });
  await post(`/v1/workflows/${workflow.id}:activate`, {});
  const instance = await post(`/v1/workflows/${workflow.id}:start`, { input: {} });
  const schedule = await post('/v1/workflow-schedules', {
    workflowId: workflow.id,
    name: `schedule-${mark}`,
    cronExpression: '0 0 1 1 *',
  });
  const { trigger } = await post('/v1/workflow-triggers', {
    workflowId: workflow.id,
    name: `trigger-${mark}`,
    kind: 'webhook',
  });
  const workflowTemplate = await post('/v1/workflow-templates', {
    name: `template-${mark}`,
    displayName: 'T',
    category: 'test',
    templateDefinition: tinyDefinition,
  });
  const askingDefinition = {
    steps: [{ id: 'ask', kind: 'approval', title: 'Go on?', approvers: { permission: 'approvals:decide' } }],
  };
  const asking = await post('/v1/workflows', { name: 'A', slug: `asking-${mark}`, definition: askingDefinition });
  await post(`/v1/workflows/${asking.id}:activate`, {});
  const waiting = await post(`/v1/workflows/${asking.id}:start`, { input: {} });
  const rule = await post('/v1/validation-rules', {
    name: `rule-${mark}`,
    ruleType: 'length',
    configuration: { min: 1 },
  });
  const scoringModel = await post('/v1/scoring-models', { name: `model-${mark}`, rules: [{ ruleId: rule.id }] });
  const validation = await post('/v1/validations', {
    scoringModelId: scoringModel.id,
    content: 'A text.',
    sourceType: 'test',
    sourceId: randomUUID(),
  });
  const template = await post('/v1/notification-templates', {
    name: `template-${mark}`,
    channel: 'in_app',
    body: 'Hello {{ name }}.',
    variables: ['name'],
  });
  const regretting = await post('/v1/workflows', {
    name: 'R',
    slug: `regretting-${mark}`,
    definition: {
      steps: [
        { id: 'tell', kind: 'notification', templateId: template.id, variables: { name: 'Ada' }, next: 'regret' },
        { id: 'regret', kind: 'decision', cases: [{ when: 'true', next: '$fail' }], default: { next: '$end' } },
      ],
    },
  });
  await post(`/v1/workflows/${regretting.id}:activate`, {});
  const regretted = await post(`/v1/workflows/${regretting.id}:start`, { input: {} });
  const notification = await post('/v1/notifications', {
    recipientId: userId,
    templateId: template.id,
    variables: { name: 'Ada' },
  });
  const subscription = await post('/v1/notification-subscriptions', {
    eventType: 'flotilla.workflow.v1.InstanceFailed',
    templateId: template.id,
    variables: { name: 'event.instance.workflowSlug' },
  });
  const { apiKey } = await post('/v1/api-keys', { name: `key-${mark}`, scopes: ['agents:read'] });
  const approval = await eventually(
    async () => {
      const { approvals } = await fleet.ok('GET', `/v1/approvals?instanceId=${waiting.id}`, { key });
      expect(approvals).toHaveLength(1);
      return approvals[0];
    },
    { timeoutMs: 120_000, intervalMs: 300 },
  );
  const compensation = await eventually(
    async () => {
      const { compensations } = await fleet.ok('GET', `/v1/instances/${regretted.id}/compensations`, { key });
      expect(compensations).toHaveLength(1);
      return compensations[0];
    },
    { timeoutMs: 120_000, intervalMs: 300 },
  );
  const auditEvent = await eventually(
    async () => {
      const { auditEvents } = await fleet.ok('GET', `/v1/audit-events?resourceId=${agent.id}`, { key });
      expect(auditEvents).not.toEqual([]);
      return auditEvents[0];
    },
    { timeoutMs: 120_000, intervalMs: 300 },
  );
  await eventually(
    async () => expect((await fleet.ok('GET', `/v1/instances/${instance.id}`, { key })).completeTime).toBeTruthy(),
    { timeoutMs: 120_000, intervalMs: 300 },
  );
  const {
    tasks: [task],
  } = await fleet.ok('GET', `/v1/instances/${instance.id}/tasks`, { key });
  return {
    agent: agent.id,
    execution: execution.id,
    conversation: conversation.id,
    provider: provider.id,
    own_provider: ownProvider.id,
    budget: budget.id,
    workflow: workflow.id,
    instance: instance.id,
    task: task.id,
    job: instance.id,
    schedule: schedule.id,
    trigger: trigger.id,
    workflow_template: workflowTemplate.id,
    approval: approval.id,
    compensation: compensation.id,
    rule: rule.id,
    scoring_model: scoringModel.id,
    validation: validation.id,
    template: template.id,
    notification: notification.id,
    subscription: subscription.id,
    user: userId,
    api_key: apiKey.id,
    tenant: tenantId,
    audit_event: auditEvent.id,
  };
}
