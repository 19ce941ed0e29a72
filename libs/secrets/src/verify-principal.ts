import { AppError } from '@flotilla/errors';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { KeySource } from './key-source.ts';
import { defaultAudience, defaultIssuer, type Principal, type PrincipalVerifier } from './principal.ts';

/** What a verifier trusts. */
export interface VerifierOptions {
  readonly keys: KeySource;
  readonly issuer?: string;
  readonly audience?: string;
  readonly now?: () => Date;
  /** Verified tokens remembered at most; the one not used for longest goes first. */
  readonly cacheSize?: number;
}

/**
 * Creates the check of bearer tokens: signature (EdDSA only), issuer, audience and expiry. A verified token is
 * remembered until it ends, so that a call costs a look-up.
 */
export function createPrincipalVerifier(options: VerifierOptions): PrincipalVerifier {
  const {
    keys,
    issuer = defaultIssuer,
    audience = defaultAudience,
    now = () => new Date(),
    cacheSize = 5_000,
  } = options;
  const known = new Map<string, Principal>();

  async function verify(token: string): Promise<Principal> {
    try {
      const { payload } = await jwtVerify(
        token,
        async ({ kid }) => {
          const key = kid === undefined ? undefined : await keys(kid);
          if (key === undefined) throw refused();
          return key;
        },
        {
          issuer,
          audience,
          algorithms: ['EdDSA'],
          requiredClaims: ['sub', 'exp', 'jti', 'tid', 'typ', 'scp'],
          currentDate: now(),
        },
      );
      return toPrincipal(payload);
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (error instanceof errors.JWTExpired) {
        throw new AppError('unauthenticated', 'TOKEN_EXPIRED', 'The token has expired.');
      }
      throw refused(error);
    }
  }

  return async (token) => {
    const remembered = known.get(token);
    if (remembered !== undefined) {
      known.delete(token);
      if (remembered.expiresAt > now()) {
        known.set(token, remembered); // moves to the young end
        return remembered;
      }
    }
    const principal = await verify(token);
    known.set(token, principal);
    if (known.size > cacheSize) known.delete(known.keys().next().value ?? '');
    return principal;
  };
}

function toPrincipal({ sub, exp, jti, tid, typ, scp, opr }: JWTPayload): Principal {
  const wellFormed =
    typeof sub === 'string' &&
    sub !== '' &&
    typeof exp === 'number' &&
    typeof jti === 'string' &&
    typeof tid === 'string';
  if (!wellFormed || (typ !== 'user' && typ !== 'service') || !isTexts(scp)) throw refused();
  return {
    tenantId: tid,
    ...(typ === 'user' ? { userId: sub } : { serviceName: sub }),
    actor: { type: typ, id: sub },
    permissions: new Set(scp),
    tokenId: jti,
    expiresAt: new Date(exp * 1000),
    operator: opr === true,
  };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function refused(cause?: unknown): AppError {
  return new AppError('unauthenticated', 'TOKEN_INVALID', 'The token is not valid.', { cause });
}
