import { originOf, type Provider } from './provider.ts';

/**
 * What a provider's secret is bound to: besides tenant and provider the origin that it may be sent to, so that whoever
 * can change the address in the database, but has no key, does not get the secret sent there.
 */
export function secretPlace(tenantId: string, { id, baseUrl }: Pick<Provider, 'id' | 'baseUrl'>) {
  return { tenantId, table: 'provider_secrets', row: id, column: `sealed for ${originOf(baseUrl)}` };
}
