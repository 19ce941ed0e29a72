import { AppError } from '@flotilla/errors';

/** What a caller shows at the edge, as identity's token exchange wants it. */
export interface Credential {
  readonly case: 'apiKey' | 'sessionToken';
  readonly value: string;
}

/** The headers that can carry a credential. */
export interface CredentialHeaders {
  readonly authorization?: string | undefined;
  readonly 'x-api-key'?: string | readonly string[] | undefined;
}

const apiKeyPrefix = 'flk_';

/** Reads the one credential of a request. A key is known by its prefix, so that `Bearer` takes both kinds. */
export function credentialOf(headers: CredentialHeaders): Credential {
  const bearer = bearerOf(headers.authorization);
  const header = headers['x-api-key'];
  const apiKey = typeof header === 'string' ? header : header?.join(',');
  if (bearer !== undefined && apiKey !== undefined) {
    throw new AppError('invalid_argument', 'CREDENTIAL_AMBIGUOUS', 'Send either Authorization or X-API-Key, not both.');
  }
  const value = bearer ?? apiKey;
  if (value === undefined) {
    throw new AppError('unauthenticated', 'CREDENTIAL_MISSING', 'Send a session token or an API key.');
  }
  // Nothing that identity has ever given out looks different: no need to ask it.
  if (!/^[\x21-\x7e]{1,256}$/.test(value)) throw unknownCredential();
  return { case: apiKey !== undefined || value.startsWith(apiKeyPrefix) ? 'apiKey' : 'sessionToken', value };
}

/** The answer to a credential that is not, or no longer, worth anything. */
export function unknownCredential(): AppError {
  return new AppError('unauthenticated', 'CREDENTIAL_INVALID', 'The credential is unknown, expired or revoked.');
}

function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const match = /^Bearer +(\S+)$/i.exec(authorization);
  if (match === null) throw unknownCredential();
  return match[1];
}
