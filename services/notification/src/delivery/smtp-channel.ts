import { createTransport } from 'nodemailer';
import type { Attempt, Notification } from '../domain/notification.ts';
import type { DeliveryChannel } from './channel.ts';

/** The mail server that takes our messages. Times in milliseconds. */
export interface SmtpOptions {
  /** `smtp://user:password@host:port` or `smtps://…`. */
  readonly url: string;
  /** The sender: an address, or `Name <address>`. Its domain stands in every Message-ID. */
  readonly from: string;
  /** For connecting, greeting and each answer. */
  readonly timeoutMs: number;
  readonly maxConnections: number;
}

/** What nodemailer's errors tell. */
interface SmtpError extends Error {
  readonly code?: string;
  readonly command?: string;
  readonly responseCode?: number;
  readonly response?: string;
}

/** Sends plain text. The Message-ID comes from the notification, so that a second try is the same message to its receiver. */
export function createSmtpChannel(options: SmtpOptions): DeliveryChannel {
  const { url, from, timeoutMs, maxConnections } = options;
  const transport = createTransport({
    url,
    pool: true,
    maxConnections,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = /@([^@>\s]+)>?\s*$/.exec(from)?.[1] ?? 'localhost';

  return {
    async deliver(notification, signal) {
      const sending = transport.sendMail({
        from,
        // An object: a text would be parsed, and could then be more than one address.
        to: { name: '', address: notification.recipientAddress },
        subject: notification.subject,
        text: notification.body,
        messageId: `<${notification.id}@${domain}>`,
        date: notification.createdAt,
        headers: importanceOf(notification),
      });
      try {
        await Promise.race([sending, aborted(signal)]);
        return { result: 'sent' };
      } catch (error) {
        sending.catch(() => undefined);
        return attemptOf(error as SmtpError);
      }
    },
    check: () => transport.verify(),
    close: () => transport.close(),
  };
}

/** 4yz and everything about the connection may pass; 5yz at the recipient is a bounce, other 5yz a refusal. */
export function attemptOf(error: SmtpError): Attempt {
  const reason = (error.response ?? error.message).replace(/\s+/g, ' ').slice(0, 500);
  const code = error.responseCode;
  if (code === undefined || code < 500) return { result: 'postponed', reason };
  // The server refuses us, not the message: an operator mends that.
  if (code === 530 || code === 535 || error.command === 'CONN' || error.code === 'EAUTH') {
    return { result: 'postponed', reason };
  }
  return { result: error.command === 'RCPT TO' ? 'bounced' : 'refused', reason };
}

function importanceOf({ priority }: Notification): Record<string, string> {
  if (priority === 'high' || priority === 'urgent') return { importance: 'high' };
  return priority === 'low' ? { importance: 'low' } : {};
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const refuse = () => reject(new Error('The try took longer than its lease.'));
    if (signal.aborted) refuse();
    else signal.addEventListener('abort', refuse, { once: true });
  });
}
