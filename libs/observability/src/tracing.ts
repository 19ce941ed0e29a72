import { trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { propagateAcrossAwaits } from './traceparent.ts';

/** What tracing is started with. */
export interface TracingOptions {
  readonly service: string;
  /** Where spans go, as OTLP over HTTP, `http://collector:4318`. Without it trace ids still travel, and nothing is recorded. */
  readonly otlpEndpoint?: string | undefined;
}

/** Ends tracing after sending what is gathered. */
export interface Tracing {
  stop(): Promise<void>;
}

const gatherMs = 1_000;
const sendingMs = 5_000;

/**
 * Starts tracing for the process; the first that names an endpoint decides. Spans are gathered and sent beside the
 * work: a collector that is slow or away costs spans, never calls.
 */
export function startTracing({ service, otlpEndpoint }: TracingOptions): Tracing {
  propagateAcrossAwaits();
  if (otlpEndpoint === undefined) return { stop: async () => {} };
  const url = `${otlpEndpoint.replace(/\/+$/, '')}/v1/traces`;
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: sendingMs });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [
      new BatchSpanProcessor(exporter, {
        maxQueueSize: 4_096,
        scheduledDelayMillis: gatherMs,
        exportTimeoutMillis: sendingMs,
      }),
    ],
  });
  trace.setGlobalTracerProvider(provider);
  return { stop: () => provider.shutdown() };
}
