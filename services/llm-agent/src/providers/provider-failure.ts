import { APICallError } from '@ai-sdk/provider';
import { AppError } from '@flotilla/errors';
import { ProviderSilent, Redirected, ResponseTooLarge } from './bounded-fetch.ts';
import { ProviderFailure } from './model-provider.ts';

/** What went wrong at a provider, in words that may be shown: nothing of the key is in them. */
export function toFailure(error: unknown, key: string | undefined): ProviderFailure {
  if (error instanceof ProviderFailure) return error;
  for (const cause of causes(error)) {
    if (cause instanceof ResponseTooLarge) {
      return new ProviderFailure('OUTPUT_TOO_LARGE', cause.message, { retryable: false });
    }
    if (cause instanceof ProviderSilent) {
      return new ProviderFailure('PROVIDER_TIMEOUT', cause.message, { retryable: true });
    }
    if (cause instanceof Redirected) {
      return new ProviderFailure('PROVIDER_REDIRECTED', cause.message, { retryable: false });
    }
    if (cause instanceof AppError && cause.reason === 'HTTP_TARGET_PRIVATE') {
      return new ProviderFailure('PROVIDER_ADDRESS_PRIVATE', cause.message, { retryable: false });
    }
  }
  if (!APICallError.isInstance(error)) {
    // What broke while the body was read (a reset, an early end of the stream) can be tried again; what was read and is
    // no answer stays none.
    return causes(error).some(isConnectionError)
      ? new ProviderFailure('PROVIDER_UNAVAILABLE', 'The connection to the provider broke.', { retryable: true })
      : noAnswer();
  }
  const { statusCode: status, responseHeaders } = error;
  if (status === undefined || (status < 400 && error.isRetryable)) {
    return new ProviderFailure('PROVIDER_UNAVAILABLE', 'The provider cannot be reached.', { retryable: true });
  }
  return status < 400 ? noAnswer() : ofStatus(status, error.message, responseHeaders?.['retry-after'], key);
}

/** What a status of 400 and above means. */
export function ofStatus(
  status: number,
  said: string,
  retryAfter: string | undefined,
  key: string | undefined,
): ProviderFailure {
  const retryAfterMs = parseRetryAfter(retryAfter, Date.now());
  if (status === 429) {
    const message = 'The provider limits the rate of calls.';
    return new ProviderFailure('PROVIDER_RATE_LIMITED', message, { retryable: true, retryAfterMs });
  }
  // 529 is Anthropic's "overloaded".
  if (status >= 500 || status === 408) {
    const message = `The provider answered with status ${status}.`;
    return new ProviderFailure('PROVIDER_UNAVAILABLE', message, { retryable: true, retryAfterMs });
  }
  if (status === 401 || status === 403) {
    const message = 'The provider refused the credentials.';
    return new ProviderFailure('PROVIDER_CREDENTIALS_REFUSED', message, { retryable: false });
  }
  const message = `The provider refused the call with status ${status}: ${withoutKey(said, key).slice(0, 300)}`;
  return new ProviderFailure('PROVIDER_REFUSED', message, { retryable: false });
}

export function noAnswer(): ProviderFailure {
  const message = 'The provider sent something that is no answer.';
  return new ProviderFailure('PROVIDER_ANSWER_INVALID', message, { retryable: false });
}

/** The connection was closed in order, but in the middle of the answer: what broke off on its way can be asked again. */
export function incomplete(): ProviderFailure {
  const message = 'The provider closed the connection before the end of its answer.';
  return new ProviderFailure('PROVIDER_ANSWER_INCOMPLETE', message, { retryable: true });
}

/** The error and what is behind it. */
function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let cause = error; cause instanceof Error && chain.length < 8; cause = cause.cause) chain.push(cause);
  return chain;
}

function isConnectionError(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : '';
  return /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_|UND_ERR)/.test(code) || error.message === 'terminated';
}

function withoutKey(message: string, key: string | undefined): string {
  return key === undefined ? message : message.replaceAll(key, '[key]');
}

/** Seconds or an HTTP date; undefined when it is neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
