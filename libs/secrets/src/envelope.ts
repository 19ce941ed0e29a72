import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { AppError } from '@flotilla/errors';
import { type EncryptionKey, type EncryptionKeyring, keyIdBytes } from './encryption-keyring.ts';

/** Where a sealed value is stored. Bytes that are moved to another place do not open there. */
export interface SealedPlace {
  readonly tenantId: string;
  readonly table: string;
  /** The row's id. */
  readonly row: string;
  readonly column: string;
}

/*
 * version (1) | id of the wrapping key (8) | nonce (12) | wrapped data key (32) | tag (16) | nonce (12) | ciphertext | tag (16)
 *
 * Every value has a data key of its own, wrapped by the keyring's first key: rotation re-wraps the first 69 bytes and
 * never touches the secret. The place is authenticated in both parts.
 */
const version = 1;
const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const dataKeyBytes = 32;
const wrapAt = 1 + keyIdBytes;
const bodyAt = wrapAt + nonceBytes + dataKeyBytes + tagBytes;

/**
 * Seals a text for one place.
 *
 * @example
 * const place = { tenantId, table: 'llm_providers', row: id, column: 'sealed_secret' };
 * const sealed = seal(keyring, place, 'sk-…'); // for a column of type bytea
 * open(keyring, place, sealed); // 'sk-…'
 */
export function seal({ sealing }: EncryptionKeyring, place: SealedPlace, text: string): Buffer {
  const dataKey = randomBytes(dataKeyBytes);
  return Buffer.concat([wrap(sealing, place, dataKey), encrypt(dataKey, Buffer.from(text), context('data', place))]);
}

/**
 * Opens what was sealed for this place. Throws `internal` ENCRYPTION_KEY_UNKNOWN when the wrapping key is not in the
 * keyring (any more), and CIPHERTEXT_INVALID when the bytes were changed, or belong to another place.
 */
export function open(keyring: EncryptionKeyring, place: SealedPlace, sealed: Uint8Array): string {
  const dataKey = unwrap(keyring, place, sealed);
  return decrypt(dataKey, sealed.subarray(bodyAt), context('data', place)).toString();
}

/**
 * The same secret under the keyring's first key; `undefined` when it is under that key already. Throws as {@link open}.
 */
export function rewrap(keyring: EncryptionKeyring, place: SealedPlace, sealed: Uint8Array): Buffer | undefined {
  if (wrappingKeyId(sealed) === keyring.sealing.id) return undefined;
  return Buffer.concat([wrap(keyring.sealing, place, unwrap(keyring, place, sealed)), sealed.subarray(bodyAt)]);
}

function wrap({ id, key }: EncryptionKey, place: SealedPlace, dataKey: Buffer): Buffer {
  const head = Buffer.concat([Buffer.of(version), Buffer.from(id, 'hex')]);
  return Buffer.concat([head, encrypt(key, dataKey, context('key', place))]);
}

function unwrap(keyring: EncryptionKeyring, place: SealedPlace, sealed: Uint8Array): Buffer {
  const wrapping = keyring.find(wrappingKeyId(sealed));
  if (wrapping === undefined) {
    throw new AppError('internal', 'ENCRYPTION_KEY_UNKNOWN', 'A secret was sealed with a key that is gone.');
  }
  return decrypt(wrapping.key, sealed.subarray(wrapAt, bodyAt), context('key', place));
}

function wrappingKeyId(sealed: Uint8Array): string {
  if (sealed[0] !== version || sealed.length < bodyAt + nonceBytes + tagBytes) throw invalid();
  return Buffer.from(sealed.subarray(1, wrapAt)).toString('hex');
}

function encrypt(key: KeyObject | Buffer, plain: Buffer, authenticated: Buffer): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(authenticated);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: KeyObject | Buffer, bytes: Uint8Array, authenticated: Buffer): Buffer {
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(authenticated).setAuthTag(bytes.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  } catch (cause) {
    throw invalid(cause);
  }
}

/** JSON parts the words unmistakably: `a` + `bc` and `ab` + `c` are two places. */
function context(part: 'key' | 'data', { tenantId, table, row, column }: SealedPlace): Buffer {
  return Buffer.from(JSON.stringify([version, part, tenantId, table, row, column]));
}

function invalid(cause?: unknown): AppError {
  return new AppError('internal', 'CIPHERTEXT_INVALID', 'A sealed secret was changed, or belongs elsewhere.', {
    cause,
  });
}
