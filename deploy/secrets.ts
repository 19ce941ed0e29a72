import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** The secrets of one fleet, made when first asked for and kept in one file that only its owner can read. */
export interface FleetSecrets {
  /** A random text of 24 letters and digits, after the prefix. */
  text(name: string, prefix?: string): string;
  /** A private Ed25519 key set in JWK form, as JSON. */
  signingKeys(name: string): string;
}

/** Opens the file, or begins it. Everything asked for is on disk before it is answered. */
export function openSecrets(file: string): FleetSecrets {
  const known: Record<string, string> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const keep = (name: string, make: () => string): string => {
    const kept = known[name];
    if (kept !== undefined) return kept;
    const made = make();
    known[name] = made;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, `${JSON.stringify(known, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    return made;
  };
  return {
    text: (name, prefix = '') => keep(name, () => prefix + randomText()),
    signingKeys: (name) => keep(name, () => JSON.stringify({ keys: [newSigningKey()] })),
  };
}

/** The secret of this name in the form that its kind needs. */
export function secretValue(secrets: FleetSecrets, name: string): string {
  if (name.startsWith('signing/')) return secrets.signingKeys(name);
  // API keys are told from session tokens by their prefix.
  return secrets.text(name, name.endsWith('/api-key') ? 'flk_' : '');
}

/** The SHA-256 of a secret in hexadecimal: what a verifier keeps instead of it. */
export function fingerprint(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function randomText(): string {
  return randomBytes(36).toString('base64').replaceAll(/[+/]/g, '').slice(0, 24).padEnd(24, '0');
}

function newSigningKey(): Record<string, unknown> {
  const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const kid = createHash('sha256').update(`${key.x}`).digest('base64url').slice(0, 16);
  return { ...key, kid, alg: 'EdDSA', use: 'sig' };
}
