import { AsyncLocalStorage } from 'node:async_hooks';

const current = new AsyncLocalStorage<number | undefined>();

/** The metadata entry, next to `traceparent`. */
export const causationEntry = 'causation-depth';

/**
 * Runs `work` so that remote calls made inside it say how many events led to them: what they start counts as caused by it, and
 * a chain that comes back to its beginning through other services has an end. Undefined: nothing led to them.
 */
export function withCausation<T>(depth: number | undefined, work: () => T): T {
  return current.run(depth, work);
}

/** How many events led to what runs now; undefined where nothing did. */
export function currentCausation(): number | undefined {
  return current.getStore();
}

/** Reads what a caller says of itself; anything but a small number says nothing. */
export function parseCausation(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,3}$/.test(text) ? Number(text) : undefined;
}
