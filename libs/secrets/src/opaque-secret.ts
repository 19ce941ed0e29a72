import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const length = 40; // 238 bits

/** A new random secret, for example `flk_` and 40 letters and digits. */
export function newSecret(prefix: string): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 248 && text.length < length) text += alphabet[byte % 62]; // 248 = 4 · 62: no letter is likelier
    }
  }
  return prefix + text;
}

/** SHA-256 in hex. For random secrets only: a password needs a slow hash. */
export function hashSecret(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Compares in a time that says nothing about where the texts differ, nor about their lengths. */
export function safeEqual(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}
