import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How far the sender's clock may be off, and how long a delivery can be repeated at all. */
const TOLERANCE_MS = 300_000;
const PREFIX = 'whsec_';

/** What a sender says about its delivery, as Standard Webhooks name it. */
export interface SignedDelivery {
  readonly id: string;
  /** Unix seconds. */
  readonly timestamp: string;
  readonly signature: string;
  readonly body: Uint8Array;
}

export function newWebhookSecret(): string {
  return PREFIX + randomBytes(32).toString('base64');
}

/** The part of the address that nobody guesses. */
export function newWebhookPath(): string {
  return randomBytes(18).toString('base64url');
}

export function signDelivery(secret: string, { id, timestamp, body }: Omit<SignedDelivery, 'signature'>): string {
  return `v1,${mac(secret, { id, timestamp, body }).toString('base64')}`;
}

/** Whether it was signed by the secret a short while ago. Takes the same time for every wrong signature. */
export function isSignedBy(secret: string, delivery: SignedDelivery, now: Date): boolean {
  const expected = mac(secret, delivery);
  const signed = delivery.signature.split(' ').some((one) => {
    const given = Buffer.from(one.startsWith('v1,') ? one.slice(3) : '', 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  return signed && Math.abs(now.getTime() - Number(delivery.timestamp) * 1_000) <= TOLERANCE_MS;
}

function mac(secret: string, { id, timestamp, body }: Omit<SignedDelivery, 'signature'>): Buffer {
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}
