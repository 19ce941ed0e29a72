import type { Attempt, Notification } from '../domain/notification.ts';

/** A way to a recipient. Answers how the try ended; it does not throw for what the other side does. */
export interface DeliveryChannel {
  /** Gives up when the signal says so. */
  deliver(notification: Notification, signal: AbortSignal): Promise<Attempt>;
  /** Rejects while nothing can be delivered. */
  check?(): Promise<unknown>;
  close(): void;
}

/** In-app messages are delivered by being there. */
export const inAppChannel: DeliveryChannel = {
  deliver: async () => ({ result: 'delivered' }),
  close: () => undefined,
};
