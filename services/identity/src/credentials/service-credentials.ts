import { AppError } from '@flotilla/errors';
import { hashSecret, safeEqual } from '@flotilla/secrets';

/** Checks which service of the fleet is calling; throws `unauthenticated` CREDENTIAL_INVALID. */
export type ServiceCheck = (credential: { readonly name: string; readonly secret: string }) => void;

/** Reads `name:sha256` pairs; throws `invalid_argument` when one is not of that form. */
export function createServiceCheck(pairs: readonly string[]): ServiceCheck {
  const hashes = new Map(
    pairs.map((pair) => {
      const [, name, hash] = /^([a-z][a-z0-9-]{0,62}):([0-9a-f]{64})$/.exec(pair) ?? [];
      if (name === undefined || hash === undefined) {
        throw new AppError(
          'invalid_argument',
          'SERVICE_CREDENTIALS_INVALID',
          'Service credentials are name:sha256 pairs.',
        );
      }
      return [name, hash];
    }),
  );
  return ({ name, secret }) => {
    const known = hashes.get(name);
    // Compared also for an unknown name, so that the time does not tell which names there are.
    if (!safeEqual(hashSecret(secret), known ?? '') || known === undefined) {
      throw new AppError('unauthenticated', 'CREDENTIAL_INVALID', 'The credential is not valid.');
    }
  };
}
