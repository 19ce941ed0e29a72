// Generated from the migrated database by the generate script. Do not edit.
import type { Generated, Int8, Json, Timestamp } from '@flotilla/postgres';

export interface ApiKeys {
  id: string;
  tenant_id: string;
  user_id: string;
  name: string;
  key_hash: string;
  key_prefix: string;
  scopes: Generated<string[]>;
  status: Generated<'active' | 'revoked'>;
  expires_at: Timestamp | null;
  last_used_at: Timestamp | null;
  revoked_at: Timestamp | null;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
}

export interface Grants {
  id: string;
  tenant_id: string;
  user_id: string;
  service: string;
  purpose: string;
  permissions: string[];
  created_at: Generated<Timestamp>;
  revoked_at: Timestamp | null;
}

export interface RecordedActions {
  id: string;
  tenant_id: string;
  service: string;
  action: string;
  created_at: Generated<Timestamp>;
  event_seq: Generated<Int8>;
}

export interface Sessions {
  id: string;
  tenant_id: string;
  user_id: string;
  token_hash: string;
  expires_at: Timestamp;
  revoked_at: Timestamp | null;
  created_at: Generated<Timestamp>;
}

export interface Tenants {
  id: string;
  tenant_id: string;
  name: string;
  slug: string;
  status: Generated<'active' | 'suspended' | 'deleted'>;
  plan: Generated<'free' | 'starter' | 'pro' | 'enterprise'>;
  max_agents: number;
  max_daily_requests: number;
  max_monthly_tokens: Int8;
  contact_email: Generated<string>;
  contact_name: Generated<string>;
  settings: Generated<Json>;
  operator: Generated<boolean>;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
}

export interface UserCredentials {
  user_id: string;
  tenant_id: string;
  password_hash: string;
  failed_attempts: Generated<number>;
  locked_until: Timestamp | null;
  password_changed_at: Generated<Timestamp>;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
}

export interface Users {
  id: string;
  tenant_id: string;
  email: string;
  username: Generated<string>;
  first_name: Generated<string>;
  last_name: Generated<string>;
  status: Generated<'active' | 'inactive' | 'suspended'>;
  role: Generated<'admin' | 'member'>;
  email_verified: Generated<boolean>;
  last_login_at: Timestamp | null;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
}

export interface Schema {
  api_keys: ApiKeys;
  grants: Grants;
  recorded_actions: RecordedActions;
  sessions: Sessions;
  tenants: Tenants;
  user_credentials: UserCredentials;
  users: Users;
}
