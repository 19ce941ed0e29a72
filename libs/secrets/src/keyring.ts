import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { AppError } from '@flotilla/errors';

/** Private Ed25519 keys. The first signs; the others are only published, until what they signed has expired. */
export interface Keyring {
  readonly signing: { readonly kid: string; readonly key: KeyObject };
  /** The public halves as a JSON Web Key Set. */
  publicJwks(): string;
}

interface PrivateJwk {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly d: string;
}

/** Makes a fresh key pair, as the private JSON Web Key Set that {@link createKeyring} reads. */
export function generateSigningKeys(): string {
  const { kty, crv, x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return JSON.stringify({ keys: [{ kty, crv, x, d, use: 'sig', alg: 'EdDSA', kid: thumbprint(x ?? '') }] });
}

/** Reads a private JSON Web Key Set; throws `invalid_argument` SIGNING_KEYS_INVALID without showing any of it. */
export function createKeyring(jwksPrivateJson: string): Keyring {
  const keys = parse(jwksPrivateJson).map((jwk) => {
    try {
      const key = createPrivateKey({ key: { ...jwk }, format: 'jwk' });
      return { kid: thumbprint(jwk.x), key, publicKey: createPublicKey(key) };
    } catch {
      throw unusable();
    }
  });
  const [signing] = keys;
  if (signing === undefined) throw unusable();
  const published = JSON.stringify({
    keys: keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'EdDSA', kid })),
  });
  return { signing: { kid: signing.kid, key: signing.key }, publicJwks: () => published };
}

function parse(json: string): readonly PrivateJwk[] {
  let parsed: { keys?: PrivateJwk[] } | null;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw unusable();
  }
  if (!Array.isArray(parsed?.keys)) throw unusable();
  if (parsed.keys.some(({ kty, crv, x, d }) => kty !== 'OKP' || crv !== 'Ed25519' || !x || !d)) throw unusable();
  return parsed.keys;
}

function unusable(): AppError {
  return new AppError(
    'invalid_argument',
    'SIGNING_KEYS_INVALID',
    'The signing keys are no set of private Ed25519 keys.',
  );
}

/** RFC 7638. */
function thumbprint(x: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url');
}
