import { createHash, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AppError } from '@flotilla/errors';

/** Bytes of a key's id. */
export const keyIdBytes = 8;

/** A key that wraps data keys. Its id is made from it and says nothing about it. */
export interface EncryptionKey {
  /** Hexadecimal. */
  readonly id: string;
  readonly key: KeyObject;
}

/** Where secrets of a keyring come from: asked at the start, on `reload`, and when an unknown key id turns up. */
export type SecretSource = () => readonly string[];

/** The keys that wrap data keys: the first seals, all of them open. */
export interface EncryptionKeyring {
  readonly sealing: EncryptionKey;
  /** `undefined` where there is none, also after looking again; looks at most once a second. */
  find(id: string): EncryptionKey | undefined;
  /** Reads the secrets again. Throws `invalid_argument` ENCRYPTION_SECRETS_INVALID and keeps the known ones when they are unusable. */
  reload(): void;
}

const minSecretLength = 16;
const lookAgainMs = 1_000;

/**
 * Makes keys of random texts.
 *
 * To rotate while services run: put the new secret **behind** the others everywhere, then in front everywhere, re-wrap
 * what is stored, then drop the old one. In that order no replica ever meets a key that it does not have.
 */
export function createEncryptionKeyring(source: SecretSource, now: () => number = Date.now): EncryptionKeyring {
  let keys = derive(source());
  let lookedAt = Number.NEGATIVE_INFINITY;

  function lookAgain(): void {
    if (now() - lookedAt < lookAgainMs) return;
    lookedAt = now();
    try {
      keys = derive(source());
    } catch {
      // The known keys stay in use; `reload` is who tells.
    }
  }

  return {
    get sealing() {
      return keys[0];
    },
    find(id) {
      const known = keys.find((key) => key.id === id);
      if (known !== undefined) return known;
      lookAgain();
      return keys.find((key) => key.id === id);
    },
    reload() {
      keys = derive(source());
    },
  };
}

/** Secrets of a configuration, after those of a file, one a line, where there is one. */
export function secretsOf({ secrets, file }: { secrets: readonly string[]; file?: string | undefined }): SecretSource {
  if (file === undefined) return () => secrets;
  return () => {
    try {
      const lines = readFileSync(file, 'utf8').split('\n');
      return [...lines.map((line) => line.trim()).filter((line) => line !== ''), ...secrets];
    } catch (cause) {
      const message = 'The file of encryption secrets cannot be read.';
      throw new AppError('invalid_argument', 'ENCRYPTION_SECRETS_INVALID', message, { cause });
    }
  };
}

function derive(secrets: readonly string[]): readonly [EncryptionKey, ...EncryptionKey[]] {
  const [first, ...others] = secrets;
  if (first === undefined || secrets.some((secret) => secret.length < minSecretLength)) {
    const message = `Encryption takes at least one secret, each of at least ${minSecretLength} characters.`;
    throw new AppError('invalid_argument', 'ENCRYPTION_SECRETS_INVALID', message);
  }
  return [keyOf(first), ...others.map(keyOf)];
}

function keyOf(secret: string): EncryptionKey {
  const bytes = Buffer.from(hkdfSync('sha256', secret, '', 'flotilla key encryption 1', 32));
  const id = createHash('sha256').update(bytes).digest('hex');
  return { id: id.slice(0, 2 * keyIdBytes), key: createSecretKey(bytes) };
}
