import type { ExchangeTokenRequest } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import { hashSecret, type PrincipalClaims, type SignedPrincipal, signPrincipal } from '@flotilla/secrets';
import type { KeyUse } from '../credentials/key-use.ts';
import type { ServiceCheck } from '../credentials/service-credentials.ts';
import { type FoundCredential, findByApiKey, findByGrant, findBySession } from '../db/credential-lookups.ts';
import { allowedNow, checkApiKey, checkGrant, checkSession, checkStanding } from '../domain/standing.ts';
import type { Surroundings } from '../surroundings.ts';

/** What the exchange needs beside the usual. */
export interface ExchangeToken extends Surroundings {
  readonly checkService: ServiceCheck;
  readonly keyUse: KeyUse;
}

const clientTtlMs = 300_000;
const serviceTtlMs = 60_000;

/** Turns a credential into a signed principal: whoever it stands for, with what they are allowed now. */
export async function exchangeToken(
  exchange: ExchangeToken,
  { credential }: Pick<ExchangeTokenRequest, 'credential'>,
): Promise<SignedPrincipal & { readonly claims: PrincipalClaims }> {
  const { db, now, checkService, keyUse } = exchange;
  switch (credential.case) {
    case 'apiKey': {
      const key = known(await db.withoutTenant((tx) => findByApiKey(tx, hashSecret(credential.value))));
      checkApiKey(key, now());
      const signed = await signUser(exchange, key, clientTtlMs);
      keyUse.used(key);
      return signed;
    }
    case 'sessionToken': {
      const session = known(await db.withoutTenant((tx) => findBySession(tx, hashSecret(credential.value))));
      checkSession(session, now());
      return signUser(exchange, session, clientTtlMs);
    }
    case 'service': {
      const { name, tenantId } = credential.value;
      checkService(credential.value);
      return sign(exchange, { tenantId, serviceName: name, permissions: [], operator: false }, serviceTtlMs);
    }
    case 'grant': {
      const { service, grantId } = credential.value;
      if (service === undefined) throw unknown();
      checkService(service);
      const grant = known(await db.withoutTenant((tx) => findByGrant(tx, grantId, service.name)));
      checkGrant(grant);
      return signUser(exchange, grant, serviceTtlMs);
    }
    default:
      throw unknown();
  }
}

function signUser(exchange: ExchangeToken, found: FoundCredential, ttlMs: number) {
  checkStanding(found);
  const { tenantId, userId, operator, scopes } = found;
  return sign(
    exchange,
    { tenantId, userId, operator, permissions: allowedNow(found, exchange.permissions, scopes) },
    ttlMs,
  );
}

async function sign({ keyring, now }: ExchangeToken, claims: PrincipalClaims, ttlMs: number) {
  return { ...(await signPrincipal(keyring, claims, ttlMs, { now: now() })), claims };
}

function known(found: FoundCredential | undefined): FoundCredential {
  if (found === undefined) throw unknown();
  return found;
}

function unknown(): AppError {
  return new AppError('unauthenticated', 'CREDENTIAL_INVALID', 'The credential is not valid.');
}
