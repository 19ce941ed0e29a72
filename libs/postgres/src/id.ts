import { randomFillSync } from 'node:crypto';

const random = new Uint8Array(16 * 256);
let used = random.length;
let lastMs = 0;
let counter = 0;

/**
 * A UUID v7: sorts by time, and within this process strictly by order of creation.
 *
 * @param now milliseconds since 1970
 */
export function newId(now: number = Date.now()): string {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  const bytes = random.slice(used, used + 16);
  used += 16;
  // 12 bits after the time count within a millisecond; overflow borrows from the next one.
  if (now > lastMs) {
    lastMs = now;
    counter = (((bytes[6] ?? 0) << 8) | (bytes[7] ?? 0)) & 0x7ff;
  } else if (++counter > 0xfff) {
    lastMs += 1;
    counter = 0;
  }
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(lastMs / 2 ** 32));
  view.setUint32(2, lastMs % 2 ** 32);
  view.setUint16(6, 0x7000 | counter);
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
