import { newId } from '@flotilla/postgres';
import { type IdentityServer, startTestIdentity } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createServiceTokens } from '../src/index.ts';

let identity: IdentityServer;
const tenantId = newId();
const tokensOf = (identityAddress: string) =>
  createServiceTokens({ identityAddress, service: 'workflow', secret: 'a-secret-of-16-or-more' });

beforeAll(async () => {
  identity = await startTestIdentity();
});
afterAll(() => identity.stop());

test('a token is fetched once for all who ask, for each tenant its own', async () => {
  const tokens = tokensOf(identity.address);
  const all = await Promise.all(Array.from({ length: 20 }, () => tokens.own(tenantId)));
  expect(new Set(all).size).toBe(1);
  expect(await tokens.own(tenantId)).toBe(all[0]);
  expect(await identity.verify(all[0] ?? '')).toMatchObject({ tenantId, serviceName: 'workflow' });
  expect(await identity.verify(await tokens.own())).toMatchObject({ tenantId: '', serviceName: 'workflow' });
  tokens.close();
});

test('for a grant it answers the principal of whoever gave it; a refusal is not remembered', async () => {
  const tokens = tokensOf(identity.address);
  const grantId = newId();
  await expect(tokens.forGrant(grantId)).rejects.toMatchObject({ code: 'unauthenticated' });
  (identity.grants as Map<string, object>).set(grantId, { tenantId, userId: 'u', permissions: ['agents:read'] });
  expect(await identity.verify(await tokens.forGrant(grantId))).toMatchObject({ tenantId, userId: 'u' });
  tokens.close();
});

test('without identity the answer is unavailable', async () => {
  const later = await startTestIdentity();
  const tokens = tokensOf(later.address);
  await later.stop();
  await expect(tokens.own()).rejects.toMatchObject({ code: 'unavailable' });
  expect(await tokensOf(identity.address).signingKeys()).toBe(identity.publicJwks);
  tokens.close();
});
