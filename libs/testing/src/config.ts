function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is missing: run the tests by ./flotilla test`);
  return value;
}

/** A superuser's URL of the Postgres server that belongs to this test run. */
export const testPostgresUrl = (): string => required('FLOTILLA_TEST_POSTGRES_URL');

/** host:port of the Kafka broker of this test run. */
export const testKafkaBrokers = (): readonly string[] => required('FLOTILLA_TEST_KAFKA_BROKERS').split(',');
