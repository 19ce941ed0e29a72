/** A signal that aborts with its parent, or for a reason of its own once its time is over. */
export interface AbortAfter {
  readonly signal: AbortSignal;
  /** Its time begins anew. */
  restart(): void;
  /** Neither its time nor its parent matters any more. */
  clear(): void;
}

/** Unlike `AbortSignal.timeout` it leaves nothing behind once it is cleared. */
export function abortAfter(
  parent: AbortSignal | null | undefined,
  timeoutMs: number,
  reason: () => unknown,
): AbortAfter {
  const controller = new AbortController();
  const abort = () => controller.abort(parent?.reason);
  const timer = setTimeout(() => controller.abort(reason()), timeoutMs).unref();
  parent?.addEventListener('abort', abort, { once: true });
  if (parent?.aborted) abort();
  return {
    signal: controller.signal,
    restart: () => timer.refresh(),
    clear() {
      clearTimeout(timer);
      parent?.removeEventListener('abort', abort);
    },
  };
}
