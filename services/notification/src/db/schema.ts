// Generated from the migrated database by the generate script. Do not edit.
import type { Generated, Int8, Json, Timestamp } from '@flotilla/postgres';

export interface NotificationSubscriptions {
  id: string;
  tenant_id: string;
  event_type: string;
  filter: Generated<string>;
  template_id: string;
  recipient_id: string | null;
  recipient_address: Generated<string>;
  variables: Generated<Json>;
  created_by: string | null;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
}

export interface NotificationTemplates {
  id: string;
  tenant_id: string;
  name: string;
  channel: 'email' | 'sms' | 'webhook' | 'in_app';
  subject: Generated<string>;
  body: string;
  variables: Generated<string[]>;
  status: Generated<'active' | 'inactive'>;
  revision: Generated<number>;
  event_seq: Generated<Int8>;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
  deleted_at: Timestamp | null;
}

export interface Notifications {
  id: string;
  tenant_id: string;
  recipient_id: string | null;
  recipient_address: Generated<string>;
  template_id: string;
  channel: 'email' | 'sms' | 'webhook' | 'in_app';
  priority: Generated<'low' | 'normal' | 'high' | 'urgent'>;
  status: Generated<'pending' | 'sending' | 'sent' | 'delivered' | 'failed' | 'bounced' | 'cancelled'>;
  subject: Generated<string>;
  body: string;
  metadata: Generated<Json>;
  scheduled_at: Timestamp | null;
  sent_at: Timestamp | null;
  delivered_at: Timestamp | null;
  read_at: Timestamp | null;
  error_message: Generated<string>;
  retry_count: Generated<number>;
  max_retries: Generated<number>;
  created_by: string | null;
  send_key: string | null;
  due_at: Timestamp;
  lease_id: string | null;
  traceparent: Generated<string>;
  event_seq: Generated<Int8>;
  created_at: Generated<Timestamp>;
  updated_at: Generated<Timestamp>;
}

export interface SendKeys {
  tenant_id: string;
  key: string;
  revoked_at: Timestamp | null;
  created_at: Generated<Timestamp>;
}

export interface Schema {
  notification_subscriptions: NotificationSubscriptions;
  notification_templates: NotificationTemplates;
  notifications: Notifications;
  send_keys: SendKeys;
}
