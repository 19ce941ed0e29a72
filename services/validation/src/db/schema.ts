// Generated from the migrated database by the generate script. Do not edit.
import type { Generated, Int8, Json, Timestamp } from '@flotilla/postgres';

export interface ScoringModels {
  id: string;
  tenant_id: string;
  name: string;
  rules: Json;
  pass_threshold: Generated<number>;
  warning_threshold: Generated<number>;
  version: Generated<number>;
  status: Generated<'active' | 'inactive'>;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
}

export interface ValidationResults {
  id: string;
  tenant_id: string;
  source_type: string;
  source_id: string;
  scoring_model_id: string;
  scoring_model_version: number;
  content: string;
  overall_score: number;
  outcome: 'passed' | 'failed' | 'warning';
  rule_results: Json;
  event_seq: Generated<Int8>;
  validated_at: Generated<Timestamp>;
}

export interface ValidationRules {
  id: string;
  tenant_id: string;
  name: string;
  description: Generated<string>;
  rule_type: 'regex' | 'nlp' | 'length' | 'custom' | 'composite';
  configuration: Json;
  severity: Generated<'error' | 'warning' | 'info'>;
  weight: Generated<number>;
  status: Generated<'active' | 'inactive'>;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
}

export interface Schema {
  scoring_models: ScoringModels;
  validation_results: ValidationResults;
  validation_rules: ValidationRules;
}
