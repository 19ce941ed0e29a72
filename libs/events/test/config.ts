function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is missing: run the tests by ./flotilla test`);
  return value;
}

/** The servers that `./flotilla test` started. */
export const superuserUrl = (): string => required('FLOTILLA_TEST_POSTGRES_URL');
export const kafkaBrokers = (): readonly string[] => required('FLOTILLA_TEST_KAFKA_BROKERS').split(',');
