import { createPublicKey, type KeyObject } from 'node:crypto';
import { AppError } from '@flotilla/errors';

/** Finds the public key of a key id; `undefined` where there is none. */
export type KeySource = (kid: string) => Promise<KeyObject | undefined>;

/** When {@link remoteKeys} asks again. */
export interface RemoteKeysOptions {
  /** However many unknown key ids come in, the keys are asked for no more often than this. */
  readonly minIntervalMs?: number;
  /** Keys that were taken out of the set stop working after this. */
  readonly maxAgeMs?: number;
  readonly now?: () => number;
}

/** Keys of a fixed JSON Web Key Set. */
export function staticKeys(jwksJson: string): KeySource {
  const keys = parseJwks(jwksJson);
  return async (kid) => keys.get(kid);
}

/**
 * Keys of a set that is fetched when it is first needed, when an unknown key id turns up and when it has grown old.
 * Throws `unavailable` SIGNING_KEYS_UNAVAILABLE while the first fetch fails; later failures leave the known keys in use.
 */
export function remoteKeys(fetchJwks: () => Promise<string>, options: RemoteKeysOptions = {}): KeySource {
  const { minIntervalMs = 1_000, maxAgeMs = 600_000, now = Date.now } = options;
  let keys: ReadonlyMap<string, KeyObject> | undefined;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;

  function refresh(): Promise<void> {
    fetching ??= fetchJwks()
      .then((jwks) => {
        keys = parseJwks(jwks);
        fetchedAt = now();
      })
      .finally(() => {
        triedAt = now();
        fetching = undefined;
      });
    return fetching;
  }

  return async (kid) => {
    const stale = keys === undefined || !keys.has(kid) || now() - fetchedAt > maxAgeMs;
    if (stale && (fetching !== undefined || keys === undefined || now() - triedAt > minIntervalMs)) {
      try {
        await refresh();
      } catch (cause) {
        if (keys === undefined) {
          throw new AppError('unavailable', 'SIGNING_KEYS_UNAVAILABLE', 'Tokens cannot be checked right now.', {
            cause,
          });
        }
      }
    }
    return keys?.get(kid);
  };
}

function parseJwks(json: string): ReadonlyMap<string, KeyObject> {
  const { keys } = JSON.parse(json) as { keys: { kid: string; kty: string; crv: string; x: string }[] };
  return new Map(
    keys
      .filter(({ kty, crv }) => kty === 'OKP' && crv === 'Ed25519')
      .map(({ kid, kty, crv, x }) => [kid, createPublicKey({ key: { kty, crv, x }, format: 'jwk' })]),
  );
}
