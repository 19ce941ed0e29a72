import { expect, test } from 'vitest';
import { credentialOf } from './credential.ts';

test('Bearer takes session tokens and API keys, X-API-Key only keys', () => {
  expect(credentialOf({ authorization: 'Bearer abc' })).toEqual({ case: 'sessionToken', value: 'abc' });
  expect(credentialOf({ authorization: 'bearer flk_abc' })).toEqual({ case: 'apiKey', value: 'flk_abc' });
  expect(credentialOf({ 'x-api-key': 'flk_abc' })).toEqual({ case: 'apiKey', value: 'flk_abc' });
});

test('what cannot be a credential is refused without asking anyone', () => {
  const reasonOf = (headers: Parameters<typeof credentialOf>[0]): unknown => {
    try {
      return credentialOf(headers);
    } catch (error) {
      return (error as { reason: string }).reason;
    }
  };
  expect(reasonOf({})).toBe('CREDENTIAL_MISSING');
  expect(reasonOf({ authorization: 'Basic YTpi' })).toBe('CREDENTIAL_INVALID');
  expect(reasonOf({ authorization: 'Bearer' })).toBe('CREDENTIAL_INVALID');
  expect(reasonOf({ authorization: `Bearer ${'a'.repeat(257)}` })).toBe('CREDENTIAL_INVALID');
  expect(reasonOf({ 'x-api-key': '' })).toBe('CREDENTIAL_INVALID');
  expect(reasonOf({ authorization: 'Bearer a', 'x-api-key': 'flk_b' })).toBe('CREDENTIAL_AMBIGUOUS');
});
