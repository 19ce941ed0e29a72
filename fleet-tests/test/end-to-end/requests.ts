import { randomUUID } from 'node:crypto';
import { type DescMethod, getOption, type JsonObject, ScalarType } from '@bufbuild/protobuf';
import { http } from '@flotilla/contracts/http';
import type { Estate, Kind } from './estate.ts';

/** The kind of resource that `id` means in a service's requests. */
const kindOfService: Readonly<Record<string, Kind>> = {
  AgentService: 'agent',
  ExecutionService: 'execution',
  ConversationService: 'conversation',
  ProviderService: 'provider',
  OwnProviderService: 'own_provider',
  BudgetService: 'budget',
  WorkflowService: 'workflow',
  InstanceService: 'instance',
  JobService: 'job',
  ScheduleService: 'schedule',
  TriggerService: 'trigger',
  WorkflowTemplateService: 'workflow_template',
  ApprovalService: 'approval',
  CompensationService: 'compensation',
  RuleService: 'rule',
  ScoringModelService: 'scoring_model',
  ValidationService: 'validation',
  TemplateService: 'template',
  NotificationService: 'notification',
  SubscriptionService: 'subscription',
  UserService: 'user',
  ApiKeyService: 'api_key',
  TenantService: 'tenant',
  AuditService: 'audit_event',
};

/** Kinds that a request can name by a field of its own. */
const referable: readonly Kind[] = [
  'agent',
  'execution',
  'conversation',
  'budget',
  'workflow',
  'instance',
  'task',
  'schedule',
  'trigger',
  'rule',
  'scoring_model',
  'template',
] as const;

/** What a request needs besides the ids of resources, to be a valid one. */
const filling: Readonly<Record<string, (estate: Estate) => JsonObject>> = {
  ExecuteAgent: () => ({ prompt: 'Say hello.' }),
  StreamAgent: () => ({ prompt: 'Say hello.' }),
  GetAgentVersion: () => ({ version: 1 }),
  GetInputFile: () => ({ digest: 'a'.repeat(64) }),
  DiffAgentVersions: () => ({ fromVersion: 1, toVersion: 1 }),
  RollBackAgent: () => ({ version: 1 }),
  SendMessage: () => ({ content: 'Say hello.' }),
  StreamMessage: () => ({ content: 'Say hello.' }),
  BranchConversation: () => ({ seq: 1 }),
  UpdateConversation: () => ({ title: 'Taken over' }),
  CompareExecutions: ({ execution }) => ({ withExecutionId: execution }),
  SplitAgent: () => ({ arms: [{ version: 1, weight: 1 }] }),
  UpdateProvider: () => ({ name: 'Taken over' }),
  UpdateOwnProvider: () => ({ name: 'Taken over' }),
  UpdateAgent: () => ({ name: 'Taken over' }),
  CreateBudget: () => ({ level: 'BUDGET_LEVEL_AGENT', period: 'BUDGET_PERIOD_DAY', limitTokens: '1' }),
  UpdateBudget: () => ({ limitTokens: '1' }),
  UpdateWorkflow: () => ({ name: 'Taken over' }),
  UpdateSchedule: () => ({ name: 'Taken over' }),
  CreateSchedule: () => ({ name: 'Taken over', cronExpression: '0 0 1 1 *' }),
  UpdateTrigger: () => ({ name: 'Taken over' }),
  CreateTrigger: () => ({ name: 'Taken over', kind: 'TRIGGER_KIND_API' }),
  GetWorkflowVersion: () => ({ version: 1 }),
  UpdateWorkflowTemplate: () => ({ displayName: 'Taken over' }),
  RateWorkflowTemplate: () => ({ stars: 1 }),
  InstantiateWorkflowTemplate: () => ({ name: 'Taken over', slug: `workflow-${randomUUID()}` }),
  UpdateRule: () => ({ name: 'Taken over' }),
  UpdateScoringModel: () => ({ name: 'Taken over' }),
  UpdateTemplate: () => ({ subject: 'Taken over' }),
  UpdateUser: () => ({ firstName: 'Taken over' }),
  UpdateTenant: () => ({ name: 'Taken over' }),
  SignalInstance: () => ({ name: 'go' }),
  RetryInstance: () => ({ reason: 'Taken over' }),
  DecideApproval: () => ({ verdict: 'VERDICT_APPROVE' }),
  SkipCompensation: () => ({ reason: 'Taken over' }),
  DelegateApproval: () => ({ toUserId: randomUUID() }),
  ValidateContent: () => ({ content: 'A text.', sourceType: 'test', sourceId: randomUUID() }),
  SendNotification: () => ({ recipientId: randomUUID(), variables: { name: 'Eve' } }),
  CreateSubscription: () => ({
    eventType: 'flotilla.workflow.v1.InstanceFailed',
    variables: { name: 'event.instance.workflowSlug' },
  }),
  CreateScoringModel: ({ rule }) => ({ name: `model-${randomUUID()}`, rules: [{ ruleId: rule }] }),
  CreateRule: ({ rule }) => ({
    name: `rule-${randomUUID()}`,
    ruleType: 'RULE_TYPE_COMPOSITE',
    configuration: { operator: 'and', rules: [{ ruleId: rule }] },
  }),
};

/** A request that names resources of an estate wherever it can; undefined where it cannot name any. */
export function requestNaming(method: DescMethod, estate: Estate): JsonObject | undefined {
  const named = method.input.fields.flatMap(({ name, jsonName }): [string, string][] => {
    const kind = name === 'id' ? kindOfService[method.parent.name] : referable.find((one) => name === `${one}_id`);
    return kind === undefined ? [] : [[jsonName, estate[kind]]];
  });
  const filled = filling[method.name]?.(estate);
  const request = { ...Object.fromEntries(named), ...filled };
  const naming = JSON.stringify(request);
  return Object.values(estate).some((id) => naming.includes(id)) ? request : undefined;
}

/** A method's REST form with a request in it; undefined where the contract gives it none. */
export function restCall(
  method: DescMethod,
  request: JsonObject,
): { readonly verb: string; readonly path: string; readonly body: JsonObject | undefined } | undefined {
  const { pattern, body } = getOption(method, http);
  if (pattern.case === undefined || pattern.case === 'custom') return undefined;
  const rest = { ...request };
  const path = pattern.value.replace(/\{(\w+)\}/g, (_, name: string) => {
    const field = method.input.fields.find((one) => one.name === name);
    const jsonName = field?.jsonName ?? '';
    const value = rest[jsonName] ?? (field?.scalar === ScalarType.STRING ? randomUUID() : 1);
    delete rest[jsonName];
    return String(value);
  });
  const query = new URLSearchParams(
    Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)])),
  ).toString();
  const hasBody = body === '*';
  return {
    verb: pattern.case.toUpperCase(),
    path: hasBody || query === '' ? path : `${path}?${query}`,
    body: hasBody ? rest : undefined,
  };
}
