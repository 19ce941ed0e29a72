import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { AppError } from '@flotilla/errors';
import type { Payload, PayloadCodec } from '@temporalio/common';

const encoding = Buffer.from('binary/encrypted');
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Encrypts every payload that leaves for Temporal with AES-256-GCM, so that its store holds nothing readable.
 *
 * @param secrets at least one, of any length from 16 characters; the first encrypts, all of them decrypt: put a new one in
 * front, and drop the old one when no history needs it any more.
 * @example
 * createTemporalClient({ address, secrets: ['…'] }); // clients and workers use the codec by themselves
 */
export function createEncryptionCodec(secrets: readonly string[]): PayloadCodec {
  const keys = secrets.map((secret) => {
    const key = createHash('sha256').update(`temporal payload\0${secret}`).digest();
    // Bytes would be made into a key again for each payload, which takes longer than sealing it.
    return { key: createSecretKey(key), id: createHash('sha256').update(key).digest('hex').slice(0, 16) };
  });
  const [first] = keys;
  if (first === undefined)
    throw new AppError('invalid_argument', 'PAYLOAD_KEY_MISSING', 'A key for payloads is needed.');

  return {
    encode: async (payloads) => payloads.map((payload) => seal(payload, first)),
    decode: async (payloads) =>
      payloads.map((payload) => {
        if (Buffer.from(payload.metadata?.['encoding'] ?? []).compare(encoding) !== 0) return payload;
        const id = Buffer.from(payload.metadata?.['key'] ?? []).toString();
        const key = keys.find((candidate) => candidate.id === id);
        if (key === undefined)
          throw new AppError('internal', 'PAYLOAD_KEY_UNKNOWN', 'A payload was sealed with a key that is gone.');
        return open(payload, key.key);
      }),
  };
}

function seal(payload: Payload, { key, id }: { key: KeyObject; id: string }): Payload {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = Buffer.concat([cipher.update(toText(payload)), cipher.final()]);
  return { metadata: { encoding, key: Buffer.from(id) }, data: Buffer.concat([nonce, sealed, cipher.getAuthTag()]) };
}

function open(payload: Payload, key: KeyObject): Payload {
  const data = Buffer.from(payload.data ?? []);
  const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, nonceBytes));
  decipher.setAuthTag(data.subarray(-tagBytes));
  return fromText(Buffer.concat([decipher.update(data.subarray(nonceBytes, -tagBytes)), decipher.final()]));
}

function toText({ metadata, data }: Payload): Buffer {
  const entries = Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  return Buffer.from(JSON.stringify([entries, Buffer.from(data ?? []).toString('base64')]));
}

function fromText(text: Buffer): Payload {
  const [entries, data] = JSON.parse(text.toString()) as [[string, string][], string];
  return {
    metadata: Object.fromEntries(entries.map(([name, value]) => [name, Buffer.from(value, 'base64')])),
    data: Buffer.from(data, 'base64'),
  };
}
