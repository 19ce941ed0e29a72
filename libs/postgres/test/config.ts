/** The server that `./flotilla test` started. */
export function superuserUrl(): string {
  const url = process.env['FLOTILLA_TEST_POSTGRES_URL'];
  if (url === undefined) throw new Error('FLOTILLA_TEST_POSTGRES_URL is missing: run ./flotilla test');
  return url;
}
