import { trace } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { propagateAcrossAwaits } from './traceparent.ts';

/** What tracing is started with. */
export interface TracingOptions {
  readonly service: string;
  /** Where spans go. Without one, trace ids still travel, and nothing is recorded. */
  readonly exporter?: SpanExporter;
}

/** Ends tracing after sending what is buffered. */
export interface Tracing {
  stop(): Promise<void>;
}

/** Starts tracing for the process. */
export function startTracing({ service, exporter }: TracingOptions): Tracing {
  propagateAcrossAwaits();
  if (exporter === undefined) return { stop: async () => {} };
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  trace.setGlobalTracerProvider(provider);
  return { stop: () => provider.shutdown() };
}
