export { createLogger, type Logger, type LoggerOptions, type LogLevel, logLevels } from './logger.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { currentTraceparent, markTrace, newTraceparent, traceIdOf, withTraceparent } from './traceparent.ts';
export { startTracing, type Tracing, type TracingOptions } from './tracing.ts';
