// Generated from the migrated database by the generate script. Do not edit.
import type { Generated, Int8, Json, Timestamp } from '@flotilla/postgres';

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
  driver: Generated<'queued' | 'lane' | 'temporal'>;
  lease_until: Timestamp | null;
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
  ended_grants: EndedGrants;
  saga_compensations: SagaCompensations;
  tasks: Tasks;
  workflow_instances: WorkflowInstances;
  workflow_journal: WorkflowJournal;
  workflow_versions: WorkflowVersions;
  workflows: Workflows;
}
