import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';

/** Who calls, as the bare program's tokens say. */
export interface BarePrincipal {
  readonly tenantId: string;
  readonly userId: string;
  readonly permissions: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** A signed token (EdDSA, like those of the fleet) and the key that it is checked with. */
export function issueToken(principal: BarePrincipal): { readonly token: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const body = Buffer.from(JSON.stringify(principal));
  const token = `${body.toString('base64url')}.${sign(null, body, privateKey).toString('base64url')}`;
  return { token, publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

/** Checks tokens; one that was checked is remembered until it ends. */
export function createTokenCheck(publicKey: KeyObject): (token: string) => BarePrincipal | undefined {
  const known = new Map<string, BarePrincipal>();
  return (token) => {
    const principal = known.get(token) ?? read(token);
    if (principal === undefined || principal.expiresAt <= Date.now()) {
      known.delete(token);
      return undefined;
    }
    known.set(token, principal);
    return principal;
  };

  function read(token: string): BarePrincipal | undefined {
    const [body = '', signature = ''] = token.split('.').map((part) => Buffer.from(part, 'base64url'));
    if (!verify(null, Buffer.from(body), publicKey, Buffer.from(signature))) return undefined;
    return JSON.parse(body.toString()) as BarePrincipal;
  }
}
