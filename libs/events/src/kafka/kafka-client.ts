import { AppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import { Kafka, type LogEntry, logLevel } from 'kafkajs';

/** Where the brokers are and who asks. */
export interface KafkaOptions {
  /** host:port each. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Logger;
}

/** A client whose every wait is finite: what failed is tried again by those who own the work. */
export function createKafkaClient({ brokers, clientId, log }: KafkaOptions): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 },
    logLevel: logLevel.WARN,
    // Its errors also arrive as exceptions and are reported there; as log lines they are detail.
    logCreator: () => (entry: LogEntry) => log.debug({ kafka: entry.log }, entry.log.message),
  });
}

export function brokerUnavailable(cause: unknown): AppError {
  return new AppError('unavailable', 'BROKER_UNAVAILABLE', 'The event broker is not available.', { cause });
}

/** Gives up waiting for a promise that a lost connection may leave hanging. */
export async function settledWithin(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}

/** The result, or an error when it takes longer: KafkaJS can lose the answer to a request together with a connection. */
export async function answeredWithin<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not answer in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
