import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Keyring } from './keyring.ts';
import { defaultAudience, defaultIssuer, type PrincipalClaims } from './principal.ts';

/** What only tests change. */
export interface SigningOptions {
  readonly issuer?: string;
  readonly audience?: string;
  readonly now?: Date;
}

/** A token and when it ends. */
export interface SignedPrincipal {
  readonly token: string;
  readonly tokenId: string;
  readonly expiresAt: Date;
}

/** Signs who somebody is as a JSON Web Token (EdDSA). Holds no trace and no request: it is cached until it ends. */
export async function signPrincipal(
  keyring: Keyring,
  claims: PrincipalClaims,
  ttlMs: number,
  { issuer = defaultIssuer, audience = defaultAudience, now = new Date() }: SigningOptions = {},
): Promise<SignedPrincipal> {
  const tokenId = randomUUID();
  const expires = Math.floor((now.getTime() + ttlMs) / 1000);
  const token = await new SignJWT({
    tid: claims.tenantId,
    typ: claims.userId === undefined ? 'service' : 'user',
    scp: [...claims.permissions],
    opr: claims.operator,
  })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: keyring.signing.kid })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(claims.userId ?? claims.serviceName ?? '')
    .setJti(tokenId)
    .setIssuedAt(Math.floor(now.getTime() / 1000))
    .setExpirationTime(expires)
    .sign(keyring.signing.key);
  return { token, tokenId, expiresAt: new Date(expires * 1000) };
}
