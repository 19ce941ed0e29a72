// Generated from the migrated database by the generate script. Do not edit.
import type { Bytes, Generated, GeneratedAlways, Int8, Json, Numeric, Timestamp } from '@flotilla/postgres';

export interface Approvals {
  id: string;
  tenant_id: string;
  instance_id: string;
  path: string;
  step_id: string;
  visit: number;
  status: Generated<'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled'>;
  title: string;
  message: Generated<string>;
  named_ids: string[];
  approver_ids: string[];
  absent_ids: Generated<string[]>;
  permission: string | null;
  quorum: number;
  rejections: number;
  exclude_starter: boolean;
  started_by: string;
  form_schema: Json | null;
  expires_at: Timestamp | null;
  on_expiry: 'approve' | 'reject' | 'fail';
  decisions: Generated<Json>;
  delegations: Generated<Json>;
  closed_at: Timestamp | null;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
}

export interface EndedGrants {
  tenant_id: string;
  grant_id: string;
  created_at: Generated<Timestamp>;
}

export interface SagaCompensations {
  id: string;
  tenant_id: string;
  instance_id: string;
  task_id: string;
  step_id: string;
  visit: number;
  compensation_action: string;
  compensation_data: Json | null;
  status: Generated<'pending' | 'executing' | 'completed' | 'failed'>;
  attempts: Generated<number>;
  failures: Generated<number>;
  claim: Generated<number>;
  error_reason: string | null;
  error_message: string | null;
  effect_key: string;
  started_at: Timestamp | null;
  executed_at: Timestamp | null;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  path: string | null;
  attention: 'stuck' | 'unresolved' | null;
  assignee_id: string | null;
  note: Generated<string>;
  resolution_reason: string | null;
  resolved_by: string | null;
  resolved_at: Timestamp | null;
}

export interface Tasks {
  id: string;
  tenant_id: string;
  instance_id: string;
  step_id: string;
  step_kind: string;
  visit: number;
  status: Generated<'pending' | 'running' | 'completed' | 'failed' | 'skipped'>;
  input: Json | null;
  output: Json | null;
  error_reason: string | null;
  error_message: string | null;
  attempts: Generated<number>;
  max_attempts: Generated<number>;
  failures: Generated<number>;
  claim: Generated<number>;
  effect_key: string | null;
  started_at: Timestamp | null;
  completed_at: Timestamp | null;
  duration_ms: number | null;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  path: string | null;
  input_at: number | null;
  output_at: number | null;
}

export interface WorkflowAgentCache {
  tenant_id: string;
  agent_id: string;
  agent_name: string;
  slug: string;
  status: 'active' | 'inactive' | 'archived';
  version: number;
  output_schema: Json | null;
  event_seq: Int8;
  last_synced_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
}

export interface WorkflowEventWaits {
  tenant_id: string;
  instance_id: string;
  path: string;
  step_id: string;
  visit: number;
  event_type: string;
  condition: string;
  known: Json;
  created_at: Generated<Timestamp>;
  key_field: Generated<string>;
  key_hash: Generated<string>;
  waits_since: Generated<Timestamp>;
}

export interface WorkflowFirings {
  id: string;
  tenant_id: string;
  source: 'schedule' | 'trigger';
  source_id: string;
  key: string;
  cause: 'schedule' | 'call' | 'event' | 'webhook';
  workflow_id: string;
  status: Generated<'pending' | 'started' | 'skipped' | 'failed'>;
  input: Json;
  nominal_at: Timestamp;
  instance_id: string | null;
  error_reason: string | null;
  error_message: string | null;
  attempts: Generated<number>;
  traceparent: string;
  causation_depth: Generated<number>;
  due_at: Generated<Timestamp>;
  lease_id: string | null;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  trace_id: GeneratedAlways<string | null>;
}

export interface WorkflowInstanceTags {
  tenant_id: string;
  tag: string;
  instance_id: string;
}

export interface WorkflowInstances {
  id: string;
  tenant_id: string;
  workflow_id: string;
  workflow_version: number;
  workflow_slug: string;
  status: Generated<'pending' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled' | 'timeout'>;
  compensation: Generated<'none' | 'running' | 'complete' | 'stuck'>;
  input: Json;
  output: Json | null;
  steps_done: Generated<number>;
  steps_total: number;
  current_steps: Generated<string[]>;
  error_reason: string | null;
  error_message: string | null;
  error_step: string | null;
  traceparent: string;
  grant_id: string;
  created_by: string;
  driver_epoch: Generated<number>;
  driver_started_at: Timestamp | null;
  journal_length: Generated<number>;
  settled_at: Timestamp | null;
  started_at: Timestamp | null;
  completed_at: Timestamp | null;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
  wake_wanted_at: Timestamp | null;
  tags: Generated<string[]>;
  driver_seen_at: Generated<Timestamp>;
  parent_instance_id: string | null;
  parent_path: string | null;
  parent_visit: number | null;
  parent_effect_key: string | null;
  depth: Generated<number>;
  driver: Generated<'queued' | 'lane' | 'temporal'>;
  lease_until: Timestamp | null;
  source_id: string | null;
  causation_depth: Generated<number>;
  context: Json | null;
}

export interface WorkflowJournal {
  tenant_id: string;
  instance_id: string;
  seq: number;
  kind: string;
  step_id: string | null;
  visit: number | null;
  entry: Json;
  occurred_at: Timestamp;
}

export interface WorkflowPayloads {
  tenant_id: string;
  instance_id: string;
  seq: number;
  field: string;
  value: string;
  created_at: Generated<Timestamp>;
}

export interface WorkflowSchedules {
  id: string;
  tenant_id: string;
  workflow_id: string;
  name: string;
  cron_expression: string | null;
  interval_seconds: number | null;
  timezone: Generated<string>;
  status: Generated<'active' | 'paused'>;
  overlap_policy: Generated<'skip' | 'buffer_one' | 'buffer_all' | 'cancel_other' | 'allow_all'>;
  max_concurrent_executions: Generated<number>;
  catchup_window_seconds: Generated<number>;
  default_input: Generated<Json>;
  grant_id: string;
  next_run_at: Timestamp | null;
  last_run_at: Timestamp | null;
  run_count: Generated<number>;
  missed_count: Generated<number>;
  synced_revision: number | null;
  sync_due_at: Generated<Timestamp>;
  sync_attempts: Generated<number>;
  sync_error: string | null;
  created_by: string;
  updated_by: string;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
}

export interface WorkflowTemplateRatings {
  tenant_id: string;
  template_id: string;
  user_id: string;
  stars: number;
  rated_at: Generated<Timestamp>;
}

export interface WorkflowTemplates {
  id: string;
  tenant_id: string;
  name: string;
  display_name: string;
  description: Generated<string>;
  category: string;
  template_definition: Json;
  parameters: Generated<Json>;
  tags: Generated<string[]>;
  is_active: Generated<boolean>;
  usage_count: Generated<number>;
  rating: Generated<Numeric>;
  rating_count: Generated<number>;
  created_by: string;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
}

export interface WorkflowTriggers {
  id: string;
  tenant_id: string;
  workflow_id: string;
  name: string;
  kind: 'api' | 'event' | 'webhook';
  status: Generated<'enabled' | 'disabled'>;
  event_type: Generated<string>;
  filter: Generated<string>;
  input_mapping: Generated<Json>;
  webhook_path: string | null;
  sealed_secret: Bytes | null;
  grant_id: string;
  last_fired_at: Timestamp | null;
  run_count: Generated<number>;
  failure_count: Generated<number>;
  last_error_reason: string | null;
  created_by: string;
  updated_by: string;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
  old_sealed_secret: Bytes | null;
  old_secret_expired_at: Timestamp | null;
  listens_since: Generated<Timestamp>;
}

export interface WorkflowVersions {
  id: string;
  tenant_id: string;
  workflow_id: string;
  version: number;
  definition: Json;
  created_by: string;
  created_at: Generated<Timestamp>;
}

export interface Workflows {
  id: string;
  tenant_id: string;
  name: string;
  slug: string;
  description: Generated<string>;
  status: Generated<'draft' | 'active' | 'deprecated' | 'archived'>;
  version: Generated<number>;
  definition: Json;
  created_by: string;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
}

export interface Schema {
  approvals: Approvals;
  ended_grants: EndedGrants;
  saga_compensations: SagaCompensations;
  tasks: Tasks;
  workflow_agent_cache: WorkflowAgentCache;
  workflow_event_waits: WorkflowEventWaits;
  workflow_firings: WorkflowFirings;
  workflow_instance_tags: WorkflowInstanceTags;
  workflow_instances: WorkflowInstances;
  workflow_journal: WorkflowJournal;
  workflow_payloads: WorkflowPayloads;
  workflow_schedules: WorkflowSchedules;
  workflow_template_ratings: WorkflowTemplateRatings;
  workflow_templates: WorkflowTemplates;
  workflow_triggers: WorkflowTriggers;
  workflow_versions: WorkflowVersions;
  workflows: Workflows;
}
