import {
  createRegistry,
  type DescFile,
  type DescMethod,
  type DescService,
  getOption,
  type Registry,
} from '@bufbuild/protobuf';
import { file_flotilla_agent_v1_agent_versions } from './gen/flotilla/agent/v1/agent_versions_pb.ts';
import { file_flotilla_agent_v1_agents } from './gen/flotilla/agent/v1/agents_pb.ts';
import { file_flotilla_agent_v1_budget_events } from './gen/flotilla/agent/v1/budget_events_pb.ts';
import { file_flotilla_agent_v1_budgets } from './gen/flotilla/agent/v1/budgets_pb.ts';
import { file_flotilla_agent_v1_conversations } from './gen/flotilla/agent/v1/conversations_pb.ts';
import { file_flotilla_agent_v1_events } from './gen/flotilla/agent/v1/events_pb.ts';
import { file_flotilla_agent_v1_executions } from './gen/flotilla/agent/v1/executions_pb.ts';
import { file_flotilla_agent_v1_inputs } from './gen/flotilla/agent/v1/inputs_pb.ts';
import { file_flotilla_agent_v1_own_providers } from './gen/flotilla/agent/v1/own_providers_pb.ts';
import { file_flotilla_agent_v1_prices } from './gen/flotilla/agent/v1/prices_pb.ts';
import { file_flotilla_agent_v1_provider_events } from './gen/flotilla/agent/v1/provider_events_pb.ts';
import { file_flotilla_agent_v1_providers } from './gen/flotilla/agent/v1/providers_pb.ts';
import { file_flotilla_agent_v1_replays } from './gen/flotilla/agent/v1/replays_pb.ts';
import { file_flotilla_agent_v1_tool_calls } from './gen/flotilla/agent/v1/tool_calls_pb.ts';
import { file_flotilla_agent_v1_usage } from './gen/flotilla/agent/v1/usage_pb.ts';
import { file_flotilla_audit_v1_audit } from './gen/flotilla/audit/v1/audit_pb.ts';
import { file_flotilla_events_v1_changes } from './gen/flotilla/events/v1/changes_pb.ts';
import { file_flotilla_identity_v1_actions } from './gen/flotilla/identity/v1/actions_pb.ts';
import { file_flotilla_identity_v1_credentials } from './gen/flotilla/identity/v1/credentials_pb.ts';
import { file_flotilla_identity_v1_events } from './gen/flotilla/identity/v1/events_pb.ts';
import { file_flotilla_identity_v1_tenants } from './gen/flotilla/identity/v1/tenants_pb.ts';
import { file_flotilla_identity_v1_users } from './gen/flotilla/identity/v1/users_pb.ts';
import { file_flotilla_notification_v1_events } from './gen/flotilla/notification/v1/events_pb.ts';
import { file_flotilla_notification_v1_notifications } from './gen/flotilla/notification/v1/notifications_pb.ts';
import { file_flotilla_notification_v1_subscriptions } from './gen/flotilla/notification/v1/subscriptions_pb.ts';
import { audit, effect, idempotent, internal, permission, public$ } from './gen/flotilla/options/v1/options_pb.ts';
import { file_flotilla_validation_v1_events } from './gen/flotilla/validation/v1/events_pb.ts';
import { file_flotilla_validation_v1_rules } from './gen/flotilla/validation/v1/rules_pb.ts';
import { file_flotilla_validation_v1_scoring } from './gen/flotilla/validation/v1/scoring_pb.ts';
import { file_flotilla_workflow_v1_approvals } from './gen/flotilla/workflow/v1/approvals_pb.ts';
import { file_flotilla_workflow_v1_compensations } from './gen/flotilla/workflow/v1/compensations_pb.ts';
import { file_flotilla_workflow_v1_events } from './gen/flotilla/workflow/v1/events_pb.ts';
import { file_flotilla_workflow_v1_firings } from './gen/flotilla/workflow/v1/firings_pb.ts';
import { file_flotilla_workflow_v1_instances } from './gen/flotilla/workflow/v1/instances_pb.ts';
import { file_flotilla_workflow_v1_jobs } from './gen/flotilla/workflow/v1/jobs_pb.ts';
import { file_flotilla_workflow_v1_schedule_events } from './gen/flotilla/workflow/v1/schedule_events_pb.ts';
import { file_flotilla_workflow_v1_schedules } from './gen/flotilla/workflow/v1/schedules_pb.ts';
import { file_flotilla_workflow_v1_task_values } from './gen/flotilla/workflow/v1/task_values_pb.ts';
import { file_flotilla_workflow_v1_trigger_events } from './gen/flotilla/workflow/v1/trigger_events_pb.ts';
import { file_flotilla_workflow_v1_triggers } from './gen/flotilla/workflow/v1/triggers_pb.ts';
import { file_flotilla_workflow_v1_workflow_template_events } from './gen/flotilla/workflow/v1/workflow_template_events_pb.ts';
import { file_flotilla_workflow_v1_workflow_templates } from './gen/flotilla/workflow/v1/workflow_templates_pb.ts';
import { file_flotilla_workflow_v1_workflow_versions } from './gen/flotilla/workflow/v1/workflow_versions_pb.ts';
import { file_flotilla_workflow_v1_workflows } from './gen/flotilla/workflow/v1/workflows_pb.ts';

/** Every file of the contract; a test compares it with the image, so that none is forgotten. */
export const contractFiles: readonly DescFile[] = [
  file_flotilla_agent_v1_agent_versions,
  file_flotilla_agent_v1_agents,
  file_flotilla_agent_v1_budget_events,
  file_flotilla_agent_v1_budgets,
  file_flotilla_agent_v1_conversations,
  file_flotilla_agent_v1_events,
  file_flotilla_agent_v1_executions,
  file_flotilla_agent_v1_inputs,
  file_flotilla_agent_v1_own_providers,
  file_flotilla_agent_v1_prices,
  file_flotilla_agent_v1_provider_events,
  file_flotilla_agent_v1_providers,
  file_flotilla_agent_v1_replays,
  file_flotilla_agent_v1_tool_calls,
  file_flotilla_agent_v1_usage,
  file_flotilla_audit_v1_audit,
  file_flotilla_events_v1_changes,
  file_flotilla_identity_v1_actions,
  file_flotilla_identity_v1_credentials,
  file_flotilla_identity_v1_events,
  file_flotilla_identity_v1_tenants,
  file_flotilla_identity_v1_users,
  file_flotilla_notification_v1_events,
  file_flotilla_notification_v1_notifications,
  file_flotilla_notification_v1_subscriptions,
  file_flotilla_validation_v1_events,
  file_flotilla_validation_v1_rules,
  file_flotilla_validation_v1_scoring,
  file_flotilla_workflow_v1_approvals,
  file_flotilla_workflow_v1_compensations,
  file_flotilla_workflow_v1_events,
  file_flotilla_workflow_v1_firings,
  file_flotilla_workflow_v1_instances,
  file_flotilla_workflow_v1_jobs,
  file_flotilla_workflow_v1_schedule_events,
  file_flotilla_workflow_v1_schedules,
  file_flotilla_workflow_v1_task_values,
  file_flotilla_workflow_v1_trigger_events,
  file_flotilla_workflow_v1_triggers,
  file_flotilla_workflow_v1_workflow_template_events,
  file_flotilla_workflow_v1_workflow_templates,
  file_flotilla_workflow_v1_workflow_versions,
  file_flotilla_workflow_v1_workflows,
];

/** All messages, enums and services of the contract by full name. */
export const registry: Registry = createRegistry(...contractFiles);

/** All gRPC services of the fleet, in the order of their names. */
export const services: readonly DescService[] = contractFiles
  .flatMap((file) => file.services)
  .sort((a, b) => a.typeName.localeCompare(b.typeName));

/** What the contract demands of a method. Exactly one of `permission`, `public` and `internal` holds. */
export interface MethodRules {
  readonly permission: string | undefined;
  readonly public: boolean;
  readonly internal: boolean;
  /** The audit action, for example `agent.create`. */
  readonly audit: string | undefined;
  readonly idempotent: boolean;
  readonly effect: boolean;
}

/** By method: options are read from the descriptor's bytes each time, and every call asks for them. */
const known = new WeakMap<DescMethod, MethodRules>();

/** Reads a method's options. */
export function methodRules(method: DescMethod): MethodRules {
  const rules = known.get(method) ?? {
    permission: getOption(method, permission) || undefined,
    public: getOption(method, public$),
    internal: getOption(method, internal),
    audit: getOption(method, audit) || undefined,
    idempotent: getOption(method, idempotent),
    effect: getOption(method, effect),
  };
  known.set(method, rules);
  return rules;
}

/** Every permission that some method asks for, sorted: `agents:execute`, `agents:read` … */
export const permissions: readonly string[] = [
  ...new Set(services.flatMap((service) => service.methods.map((method) => methodRules(method).permission ?? ''))),
]
  .filter((name) => name !== '')
  .sort();
