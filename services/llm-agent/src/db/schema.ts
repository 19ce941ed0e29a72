// Generated from the migrated database by the generate script. Do not edit.
import type { Bytes, Generated, GeneratedAlways, Int8, Json, Numeric, Timestamp } from '@flotilla/postgres';

export interface AgentVersions {
  id: string;
  tenant_id: string;
  agent_id: string;
  version: number;
  content_hash: string;
  provider: string;
  model: string;
  parameters: Json;
  system_prompt: string;
  output_schema: Json | null;
  created_at: Generated<Timestamp>;
  tools: Generated<string[]>;
}

export interface Agents {
  id: string;
  tenant_id: string;
  name: string;
  slug: string;
  description: Generated<string>;
  provider: string;
  model: string;
  parameters: Generated<Json>;
  system_prompt: string;
  output_schema: Json | null;
  limits: Generated<Json>;
  status: Generated<'active' | 'inactive' | 'archived'>;
  tags: Generated<string[]>;
  version: Generated<number>;
  created_by: string;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
  routing: Generated<Json>;
  capabilities: Generated<Json>;
  tools: Generated<string[]>;
  memory_enabled: Generated<boolean>;
  split: Json | null;
}

export interface BudgetPeriods {
  id: string;
  tenant_id: string;
  budget_id: string;
  subject_id: string;
  period_start: string;
  spent_tokens: Generated<Int8>;
  spent_usd: Generated<Numeric>;
  reserved_tokens: Generated<Int8>;
  reserved_usd: Generated<Numeric>;
  warned_at: Timestamp | null;
  exceeded_at: Timestamp | null;
  created_at: Generated<Timestamp>;
}

export interface Budgets {
  id: string;
  tenant_id: string;
  level: 'tenant' | 'user' | 'agent' | 'execution';
  subject_id: Generated<string>;
  period: 'day' | 'month' | 'total';
  limit_tokens: Int8 | null;
  limit_usd_micros: Int8 | null;
  warn_percent: number;
  created_by: string;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
}

export interface ConversationQueue {
  place: GeneratedAlways<Int8>;
  tenant_id: string;
  conversation_id: string;
  ticket: string;
  expires_at: Timestamp;
}

export interface Conversations {
  id: string;
  tenant_id: string;
  agent_id: string;
  title: Generated<string>;
  window: Json;
  busy_policy: 'reject' | 'enqueue' | 'interrupt' | 'roll_back';
  message_count: Generated<number>;
  running_execution_id: string | null;
  interruption: 'interrupt' | 'roll_back' | null;
  summary: Generated<string>;
  summary_seq: Generated<number>;
  branched_from_id: string | null;
  branched_from_seq: Generated<number>;
  created_by: string;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
  purged_at: Timestamp | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
}

export interface DailyUsage {
  tenant_id: string;
  day: string;
  agent_id: string;
  user_id: string;
  provider: string;
  model: string;
  calls: Int8;
  prompt_tokens: Int8;
  cached_prompt_tokens: Int8;
  completion_tokens: Int8;
  cost_usd: Numeric;
  unpriced_calls: Int8;
  estimated_calls: Int8;
}

export interface ExecutionUpdates {
  tenant_id: string;
  execution_id: string;
  cursor: Int8;
  kind: 'started' | 'text' | 'restarted' | 'finished';
  text: Generated<string>;
  attempt: Generated<number>;
  created_at: Generated<Timestamp>;
}

export interface Executions {
  id: string;
  tenant_id: string;
  agent_id: string;
  agent_version: number;
  status: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled' | 'timeout' | 'budget_exceeded';
  prompt: string;
  response: Generated<string>;
  output: Json | null;
  prompt_tokens: Generated<number>;
  completion_tokens: Generated<number>;
  latency_ms: number | null;
  cost_usd: Numeric | null;
  error_reason: Generated<string>;
  error_message: Generated<string>;
  attempts: Generated<number>;
  created_by: string;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  started_at: Timestamp | null;
  completed_at: Timestamp | null;
  deadline_at: Timestamp;
  lease_owner: string;
  lease_expires_at: Timestamp;
  heartbeat_at: Generated<Timestamp>;
  cancel_requested_at: Timestamp | null;
  last_cursor: Generated<Int8>;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
  hops: Generated<Json>;
  cached: Generated<boolean>;
  content_hash: Generated<string>;
  split_id: string | null;
  conversation_id: string | null;
  context: Json | null;
  replay_of_id: string | null;
  replay: Json | null;
  parts: Generated<Json>;
}

export interface InputFileUses {
  tenant_id: string;
  owner_id: string;
  sha256: Bytes;
  used_at: Timestamp;
}

export interface InputFiles {
  tenant_id: string;
  sha256: Bytes;
  bytes: number;
  data: Bytes;
  created_at: Generated<Timestamp>;
}

export interface LlmProviders {
  id: string;
  tenant_id: string;
  owner_id: string | null;
  name: string;
  slug: string;
  kind: 'openai' | 'anthropic' | 'ollama' | 'openai_compatible' | 'local';
  base_url: Generated<string>;
  models: Generated<Json>;
  default_model: Generated<string>;
  timeout_ms: number | null;
  secret_updated_at: Timestamp | null;
  status: Generated<'active' | 'inactive'>;
  created_by: string;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
  idle_timeout_ms: number | null;
}

export interface Messages {
  id: string;
  tenant_id: string;
  conversation_id: string;
  seq: number;
  role: 'user' | 'assistant' | 'tool';
  content: string;
  tool_calls: Generated<Json>;
  tool_call_id: Generated<string>;
  execution_id: string | null;
  interrupted: Generated<boolean>;
  prompt_tokens: Generated<number>;
  completion_tokens: Generated<number>;
  model: Generated<string>;
  latency_ms: number | null;
  created_at: Generated<Timestamp>;
  parts: Generated<Json>;
  parts_tokens: Generated<number>;
}

export interface ModelPrices {
  id: string;
  tenant_id: string;
  provider: string;
  model: string;
  input_usd_micros: Int8;
  cached_input_usd_micros: Int8;
  output_usd_micros: Int8;
  effective_from: Timestamp;
  fleet_wide: Generated<boolean>;
  created_by: string;
  created_at: Generated<Timestamp>;
}

export interface ProviderAttempts {
  id: string;
  tenant_id: string;
  execution_id: string;
  attempt: number;
  provider: string;
  model: string;
  status: 'started' | 'succeeded' | 'failed' | 'unknown';
  prompt_tokens: Generated<number>;
  completion_tokens: Generated<number>;
  cost_usd: Numeric | null;
  error_reason: Generated<string>;
  started_at: Timestamp;
  completed_at: Timestamp | null;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  agent_id: string | null;
  user_id: string | null;
  cached_prompt_tokens: Generated<number>;
  usage_estimated: Generated<boolean>;
  input_usd_micros: Int8 | null;
  cached_input_usd_micros: Int8 | null;
  output_usd_micros: Int8 | null;
  rolled_up: Generated<boolean>;
  reserved_prompt_tokens: number | null;
  reserved_completion_tokens: number | null;
  reserved_usd: Numeric | null;
  budget_period_ids: string[] | null;
  because: Generated<string>;
  cached: Generated<boolean>;
  answer: string | null;
  answer_cut_off: Generated<boolean>;
  answer_tool_calls: Json | null;
}

export interface ProviderHealth {
  tenant_id: string;
  provider_id: string;
  state: 'healthy' | 'unhealthy';
  checked_at: Timestamp;
  error_reason: Generated<string>;
  error_message: Generated<string>;
  error_at: Timestamp | null;
}

export interface ProviderSecrets {
  tenant_id: string;
  provider_id: string;
  sealed: Bytes;
}

export interface ToolCalls {
  tenant_id: string;
  execution_id: string;
  iteration: number;
  place: number;
  attempt: number;
  call_id: string;
  name: string;
  arguments: string;
  status: 'started' | 'succeeded' | 'failed' | 'unknown';
  result: Generated<string>;
  error_reason: Generated<string>;
  started_at: Timestamp;
  completed_at: Timestamp | null;
}

export interface Schema {
  agent_versions: AgentVersions;
  agents: Agents;
  budget_periods: BudgetPeriods;
  budgets: Budgets;
  conversation_queue: ConversationQueue;
  conversations: Conversations;
  daily_usage: DailyUsage;
  execution_updates: ExecutionUpdates;
  executions: Executions;
  input_file_uses: InputFileUses;
  input_files: InputFiles;
  llm_providers: LlmProviders;
  messages: Messages;
  model_prices: ModelPrices;
  provider_attempts: ProviderAttempts;
  provider_health: ProviderHealth;
  provider_secrets: ProviderSecrets;
  tool_calls: ToolCalls;
}
