import { AppError } from '@flotilla/errors';
import type { Channel } from './template.ts';

export const priorities = ['low', 'normal', 'high', 'urgent'] as const;
export type Priority = (typeof priorities)[number];

/**
 * pending → sending → sent (e-mail, handed over) or delivered (in-app);
 * sending → pending when it is tried again, → failed or bounced when it is not; pending → cancelled.
 */
export const notificationStates = [
  'pending',
  'sending',
  'sent',
  'delivered',
  'failed',
  'bounced',
  'cancelled',
] as const;
export type NotificationState = (typeof notificationStates)[number];

/** A message to one person. */
export interface Notification {
  readonly id: string;
  readonly recipientId: string;
  readonly recipientAddress: string;
  readonly templateId: string;
  readonly channel: Channel;
  readonly priority: Priority;
  readonly status: NotificationState;
  readonly subject: string;
  readonly body: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly scheduledAt: Date | undefined;
  readonly sentAt: Date | undefined;
  readonly deliveredAt: Date | undefined;
  readonly readAt: Date | undefined;
  readonly errorMessage: string;
  /** Tries after the first. */
  readonly retryCount: number;
  readonly maxRetries: number;
  readonly createdAt: Date;
}

/** How a try to send ended. */
export type Attempt =
  | { readonly result: 'sent' }
  | { readonly result: 'delivered' }
  /** The other side did not answer or asked for patience. */
  | { readonly result: 'postponed'; readonly reason: string }
  /** The other side will never take it. */
  | { readonly result: 'refused'; readonly reason: string }
  /** The other side knows no such recipient. */
  | { readonly result: 'bounced'; readonly reason: string };

/** What a try changes. */
export interface Settlement {
  readonly status: NotificationState;
  readonly errorMessage: string;
  /** Set when it is to be tried again. */
  readonly nextTryAt: Date | undefined;
  readonly finished: boolean;
}

/** Back-off in milliseconds. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Decides what follows from a try. `random` from 0 to 1 spreads tries that failed together. */
export function settle(
  notification: Pick<Notification, 'status' | 'retryCount' | 'maxRetries'>,
  attempt: Attempt,
  { now, backoff, random }: { readonly now: Date; readonly backoff: Backoff; readonly random: number },
): Settlement {
  if (notification.status !== 'sending') {
    throw new AppError('failed_precondition', 'NOTIFICATION_NOT_SENDING', 'The notification is not being sent.');
  }
  switch (attempt.result) {
    case 'sent':
    case 'delivered':
      return { status: attempt.result, errorMessage: '', nextTryAt: undefined, finished: true };
    case 'bounced':
      return { status: 'bounced', errorMessage: attempt.reason, nextTryAt: undefined, finished: true };
    case 'refused':
      return { status: 'failed', errorMessage: attempt.reason, nextTryAt: undefined, finished: true };
    case 'postponed': {
      if (notification.retryCount >= notification.maxRetries) {
        return { status: 'failed', errorMessage: attempt.reason, nextTryAt: undefined, finished: true };
      }
      const nextTryAt = new Date(now.getTime() + retryDelayMs(notification.retryCount, backoff, random));
      return { status: 'pending', errorMessage: attempt.reason, nextTryAt, finished: false };
    }
  }
}

/** Doubles with each retry up to the maximum; up to a quarter is taken off at random. */
export function retryDelayMs(retryCount: number, { firstMs, maxMs }: Backoff, random: number): number {
  return Math.round(Math.min(maxMs, firstMs * 2 ** Math.min(retryCount, 30)) * (1 - random / 4));
}

/** Whether it can still be withdrawn. One on its way or gone cannot. */
export function canCancel({ status }: Pick<Notification, 'status'>): boolean {
  return status === 'pending';
}

/** Refuses to mark as read what has no reader: an e-mail, or what is not in the inbox yet. */
export function checkReadable({ channel, status }: Pick<Notification, 'channel' | 'status'>): void {
  if (channel !== 'in_app' || status !== 'delivered') {
    throw new AppError(
      'failed_precondition',
      'NOTIFICATION_NOT_READABLE',
      'Only a delivered in-app notification is read.',
    );
  }
}

export function notificationNotFound(): AppError {
  return new AppError('not_found', 'NOTIFICATION_NOT_FOUND', 'There is no such notification.');
}

/** Refuses what has nowhere to go. */
export function checkAddress(channel: Channel, recipientAddress: string): void {
  if (channel !== 'email' || recipientAddress !== '') return;
  throw new AppError('invalid_argument', 'RECIPIENT_ADDRESS_MISSING', 'An e-mail needs the address of its recipient.', {
    violations: [{ field: 'recipient_address', reason: 'RECIPIENT_ADDRESS_MISSING', message: 'missing' }],
  });
}
