import { randomBytes } from 'node:crypto';
import { type Context, context, isSpanContextValid, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { parseTraceParent } from '@opentelemetry/core';

/** The W3C `traceparent` of the running call; none outside of one. */
export function currentTraceparent(): string | undefined {
  const span = trace.getSpanContext(contexts.active());
  if (span === undefined || !isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
}

/** A `traceparent` that begins a new trace. */
export function newTraceparent(): string {
  const id = randomHex();
  return `00-${id.slice(0, 32)}-${id.slice(32)}-01`;
}

const idBytes = 24;
let pool = Buffer.alloc(0);

/** The system's randomness costs the same for one id as for many. */
function randomHex(): string {
  if (pool.length === 0) pool = randomBytes(idBytes * 128);
  const id = pool.toString('hex', 0, idBytes);
  pool = pool.subarray(idBytes);
  return id;
}

/** The 32 hex digits of the trace. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

/**
 * Runs `work` inside a span that continues `traceparent`; none or a malformed one begins a new trace. Everything that
 * `work` awaits sees it by {@link currentTraceparent}.
 */
export function withTraceparent<T>(traceparent: string | undefined, spanName: string, work: () => T): T {
  propagateAcrossAwaits();
  const span = tracer.startSpan(spanName, { kind: SpanKind.SERVER }, remoteContext(traceparent));
  return contexts.with(trace.setSpan(noContext, span), () => {
    let pending = false;
    try {
      const result = work();
      if (result instanceof Promise) {
        pending = true;
        return result
          .catch((error: unknown) => {
            span.setStatus({ code: SpanStatusCode.ERROR });
            throw error;
          })
          .finally(() => span.end()) as T;
      }
      return result;
    } finally {
      if (!pending) span.end();
    }
  });
}

/** For work on many traces at once: leaves a span of a moment in the trace, where spans are recorded. */
export function markTrace(traceparent: string | undefined, spanName: string): void {
  tracer.startSpan(spanName, { kind: SpanKind.CONSUMER }, remoteContext(traceparent)).end();
}

/**
 * OpenTelemetry's own class gives each context functions of its own in its fields. V8 allocates such ones in its old generation
 * at once, where they and what they lead to stay until a full collection.
 */
class SlimContext implements Context {
  readonly #values: ReadonlyMap<symbol, unknown>;

  constructor(values: ReadonlyMap<symbol, unknown>) {
    this.#values = values;
  }

  getValue(key: symbol): unknown {
    return this.#values.get(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return new SlimContext(new Map(this.#values).set(key, value));
  }

  deleteValue(key: symbol): Context {
    return new SlimContext(new Map([...this.#values].filter(([one]) => one !== key)));
  }
}

const noContext: Context = new SlimContext(new Map());
const contexts = new AsyncLocalStorageContextManager().enable();
/** Hands on to whichever provider is registered by the time. */
const tracer = trace.getTracer('flotilla');
let propagating = false;

/** OpenTelemetry's context is global by nature; the first user of it makes it survive `await`. */
export function propagateAcrossAwaits(): void {
  if (propagating) return;
  propagating = true;
  context.setGlobalContextManager(contexts);
}

function remoteContext(traceparent: string | undefined): Context {
  const parsed = (traceparent && parseTraceParent(traceparent)) || parseTraceParent(newTraceparent());
  return parsed === null ? noContext : trace.setSpanContext(noContext, { ...parsed, isRemote: true });
}
