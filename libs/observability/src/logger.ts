import { type DestinationStream, type Logger, pino } from 'pino';
import { redacted } from './redaction.ts';
import { currentTraceparent, traceIdOf } from './traceparent.ts';

export type { Logger };

/** From the loudest to none. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** What a logger is made with. */
export interface LoggerOptions {
  readonly service: string;
  readonly level: LogLevel;
  /** Standard output unless a test wants to read along. */
  readonly destination?: DestinationStream;
}

/**
 * One JSON object a line, with the trace id of the running call. Values under names that sound like secrets are
 * replaced at any depth; of errors only name, message, codes, stack and causes are kept, for drivers put row values
 * into the rest.
 */
export function createLogger({ service, level, destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redacted },
      // Bindings of children do not pass the formatter above.
      redact: { paths: secretBindings, censor: '[redacted]' },
      serializers: { err: describeError, error: describeError },
      mixin: () => {
        const traceparent = currentTraceparent();
        return traceparent === undefined ? {} : { traceId: traceIdOf(traceparent) };
      },
    },
    destination ?? gathered(),
  );
}

const gatherMs = 100;

/**
 * Standard output. Lines go out together: one at a time, writing them costs more than making them. The time runs from the
 * first of them, so that a process with nothing to say sleeps; pino's own `periodicFlush` never rests.
 */
function gathered(): DestinationStream {
  const output = pino.destination({ dest: 1, sync: false, minLength: 4_096 });
  let gathering = false;
  let unwritten = 0;
  const gather = () => {
    if (gathering || unwritten === 0) return;
    gathering = true;
    // What a process that ends has not written yet, pino writes at its exit.
    setTimeout(() => {
      gathering = false;
      output.flush();
    }, gatherMs).unref();
  };
  output.on('write', (bytes: number) => {
    unwritten -= bytes;
  });
  // A flush does nothing while a write is under way.
  output.on('drain', gather);
  return {
    write(line) {
      unwritten += Buffer.byteLength(line);
      output.write(line);
      gather();
    },
  };
}

const secretBindings = ['authorization', 'password', 'secret', 'token', 'key', 'apiKey', 'credential', 'cookie'];

function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return redacted({ value: error }).value;
  const { name, message, stack, cause } = error;
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  return {
    name,
    message,
    ...(code !== undefined && { code }),
    ...(reason !== undefined && { reason }),
    stack,
    ...(cause !== undefined && depth < 5 && { cause: describeError(cause, depth + 1) }),
  };
}
