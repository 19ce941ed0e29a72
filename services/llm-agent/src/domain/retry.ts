/** How long to wait before the next attempt at a provider. */
export interface RetryPolicy {
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/**
 * The delay before another attempt; undefined when there is to be none: the attempts are used up, or the deadline would
 * pass before the provider wants to be asked again.
 */
export function delayBeforeRetry(
  policy: RetryPolicy,
  state: {
    attempt: number;
    maxAttempts: number;
    remainingMs: number;
    retryAfterMs: number | undefined;
    random: number;
  },
): number | undefined {
  if (state.attempt >= state.maxAttempts) return undefined;
  const ceiling = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (state.attempt - 1));
  const jittered = ceiling * (0.5 + state.random / 2);
  const delayMs = Math.max(jittered, state.retryAfterMs ?? 0);
  return delayMs < state.remainingMs ? delayMs : undefined;
}
