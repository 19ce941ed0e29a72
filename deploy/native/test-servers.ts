import { join } from 'node:path';
import { installed } from './install.ts';
import { type RunningServer, startServer } from './server.ts';
import type { ServerKind } from './server-definition.ts';

/** The backing servers of one test run and the variables by which tests find them. */
export interface TestServers {
  readonly servers: Readonly<Record<ServerKind, RunningServer>>;
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/**
 * Starts Postgres, Kafka, Valkey and Temporal for a test run, on free ports and with state of their own.
 * @param stateDir made when missing; the caller removes it
 */
export async function startTestServers(stateDir: string): Promise<TestServers> {
  const root = await installed('root');
  const model = await installed('chat-model');
  const starting = (['postgres', 'kafka', 'valkey', 'temporal'] as const).map((kind) =>
    startServer(kind, { stateDir: join(stateDir, kind) }),
  );
  const settled = await Promise.allSettled(starting);
  const failed = settled.find((one) => one.status === 'rejected');
  const running = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const stop = async () => {
    await Promise.all(running.map((server) => server.stop()));
  };
  if (failed) {
    await stop();
    throw failed.reason;
  }
  const [postgres, kafka, valkey, temporal] = running as [RunningServer, RunningServer, RunningServer, RunningServer];
  return {
    servers: { postgres, kafka, valkey, temporal },
    stop,
    env: {
      FLOTILLA_TEST_POSTGRES_URL: postgres.url,
      FLOTILLA_TEST_KAFKA_BROKERS: kafka.address,
      FLOTILLA_TEST_REDIS_URL: valkey.url,
      FLOTILLA_TEST_TEMPORAL_ADDRESS: temporal.address,
      FLOTILLA_TEST_MODEL_PATH: join(model, 'model.gguf'),
      FLOTILLA_TEST_NATIVE_CACHE: join(root, '..'),
    },
  };
}
