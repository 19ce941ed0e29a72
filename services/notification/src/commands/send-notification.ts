import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { takeKey } from '../db/send-key-repository.ts';
import { findTemplate } from '../db/template-repository.ts';
import type { Notification } from '../domain/notification.ts';
import { templateNotFound } from '../domain/template.ts';
import { type AcceptNotification, acceptNotification, type Message } from './accept-notification.ts';

/** `sendKey` is the call's idempotency key: from its revocation on it is refused, also when the revocation came first. */
export async function sendNotification(
  accepting: AcceptNotification,
  tx: Tx<Schema>,
  { templateId, ...message }: Message & { readonly templateId: string },
  sendKey: string | undefined,
): Promise<Notification> {
  if (sendKey !== undefined && !(await takeKey(tx, sendKey))) throw keyRevoked();
  const template = await findTemplate(tx, templateId);
  if (template === undefined) throw templateNotFound();
  return acceptNotification(accepting, tx, template, message, sendKey);
}

export function keyRevoked(): AppError {
  return new AppError('failed_precondition', 'IDEMPOTENCY_KEY_REVOKED', 'What this key stands for was withdrawn.');
}
