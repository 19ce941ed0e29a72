import { AppError } from '@flotilla/errors';
import type { Database } from '@flotilla/postgres';
import { type EncryptionKeyring, open } from '@flotilla/secrets';
import type { Schema } from '../db/schema.ts';
import { findTrigger, findWebhook } from '../db/trigger-repository.ts';
import type { JsonValue } from '../domain/json.ts';
import { isSignedBy, newWebhookSecret, type SignedDelivery } from '../domain/webhook-signature.ts';
import { secretPlace } from './create-trigger.ts';
import type { Editing } from './create-workflow.ts';
import { fireTrigger } from './fire-trigger.ts';

/** What taking webhooks needs from outside. */
export interface Delivering extends Editing {
  readonly db: Database<Schema>;
  readonly keyring: EncryptionKeyring;
}

/** So that an unknown path takes as long as a wrong signature. */
const nobodys = [newWebhookSecret()];

/** Accepts a signed delivery, once. Before the signature is known to be right, nothing is told: not even whether there is such a path. */
export async function deliverWebhook(
  delivering: Delivering,
  {
    path,
    traceparent,
    causationDepth,
    ...delivery
  }: SignedDelivery & {
    readonly path: string;
    readonly traceparent: string;
    readonly causationDepth: number;
  },
): Promise<string> {
  const { db, keyring, now } = delivering;
  const webhook = await db.withoutTenant((tx) => findWebhook(tx, path));
  const secrets =
    webhook?.sealedSecrets.map((sealed) => open(keyring, secretPlace(webhook.tenantId, webhook.id), sealed)) ?? nobodys;
  if (!secrets.some((secret) => isSignedBy(secret, delivery, now())) || webhook === undefined) {
    throw new AppError('unauthenticated', 'WEBHOOK_REFUSED', 'The delivery is not signed as it should be, or too old.');
  }
  const value = parse(delivery.body);
  const actor = { type: 'service', id: 'workflow' };
  return db.inTenant({ tenantId: webhook.tenantId, actor, traceparent, causationDepth }, async (tx) => {
    const trigger = await findTrigger(tx, webhook.id);
    if (trigger?.status !== 'enabled') {
      throw new AppError('failed_precondition', 'TRIGGER_DISABLED', 'The trigger is disabled.');
    }
    const happening = { key: delivery.id, cause: 'webhook', value, at: now(), traceparent, causationDepth } as const;
    return (await fireTrigger(delivering, tx, trigger, happening))?.id ?? '';
  });
}

function parse(body: Uint8Array): JsonValue {
  if (body.length === 0) return {};
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as JsonValue;
  } catch (cause) {
    throw new AppError('invalid_argument', 'WEBHOOK_BODY_INVALID', 'The body must be JSON in UTF-8.', { cause });
  }
}
