import { boundedFetch } from './bounded-fetch.ts';
import type { ProviderConnection } from './connect-provider.ts';
import { ProviderFailure } from './model-provider.ts';
import { ofStatus, toFailure } from './provider-failure.ts';

const timeoutMs = 10_000;
const bounds = { maxAnswerBytes: 64 * 1024, idleTimeoutMs: timeoutMs };
const maxModels = 500;

/**
 * The models that a provider says it has: the cheapest question that takes its key. None where it has no such list.
 * Throws {@link ProviderFailure}.
 */
export async function listModels(connection: ProviderConnection, signal: AbortSignal): Promise<readonly string[]> {
  const { url, kind, key } = connection;
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const response = await boundedFetch(bounds, connection.fetch)(`${url}/models`, {
      headers: headersOf(kind, key),
      signal: AbortSignal.any([signal, deadline]),
    });
    const body = await response.text();
    if (response.ok) return namesOf(body);
    if (response.status === 404 && kind === 'openai_compatible') return [];
    throw ofStatus(response.status, body, response.headers.get('retry-after') ?? undefined, key);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (deadline.aborted) {
      const message = `The provider did not answer within ${timeoutMs} ms.`;
      throw new ProviderFailure('PROVIDER_TIMEOUT', message, { retryable: true });
    }
    // A fetch that never came to a status: refused, unresolved, broken.
    if (error instanceof TypeError && error.cause instanceof Error && !('reason' in error.cause)) {
      const failure = toFailure(error, key);
      if (failure.reason !== 'PROVIDER_ANSWER_INVALID') throw failure;
      throw new ProviderFailure('PROVIDER_UNAVAILABLE', 'The provider cannot be reached.', { retryable: true });
    }
    throw toFailure(error, key);
  }
}

function headersOf(kind: ProviderConnection['kind'], key: string | undefined): Record<string, string> {
  if (key === undefined) return {};
  return kind === 'anthropic'
    ? { 'x-api-key': key, 'anthropic-version': '2023-06-01' }
    : { authorization: `Bearer ${key}` };
}

function namesOf(body: string): readonly string[] {
  const parsed: unknown = JSON.parse(body);
  const data = typeof parsed === 'object' && parsed !== null && 'data' in parsed ? parsed.data : undefined;
  if (!Array.isArray(data)) {
    const message = 'The provider sent something that is no list of models.';
    throw new ProviderFailure('PROVIDER_ANSWER_INVALID', message, { retryable: false });
  }
  return data
    .map((entry: unknown) => (typeof entry === 'object' && entry !== null && 'id' in entry ? entry.id : undefined))
    .filter((id) => typeof id === 'string')
    .map((id) => id.slice(0, 200).replaceAll('\u0000', '\ufffd').toWellFormed())
    .slice(0, maxModels);
}
