function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is missing: run the tests by ./flotilla test`);
  return value;
}

/** A superuser's URL of the Postgres server that belongs to this test run. */
export const testPostgresUrl = (): string => required('FLOTILLA_TEST_POSTGRES_URL');

/** host:port of the Kafka broker of this test run. */
export const testKafkaBrokers = (): readonly string[] => required('FLOTILLA_TEST_KAFKA_BROKERS').split(',');

/** URL of the Redis-compatible server of this test run. */
export const testRedisUrl = (): string => required('FLOTILLA_TEST_REDIS_URL');

/** host:port of the Temporal server of this test run. */
export const testTemporalAddress = (): string => required('FLOTILLA_TEST_TEMPORAL_ADDRESS');

/** File of the small chat model. */
export const testModelPath = (): string => required('FLOTILLA_TEST_MODEL_PATH');
