import type { EnvironmentReader } from '@flotilla/config';

/** Where a service's encryption secrets are; for `secretsOf` of libs/secrets. */
export interface EncryptionConfig {
  readonly secrets: readonly string[];
  readonly file: string | undefined;
}

/**
 * Reads what a service with sealed columns needs.
 *
 * @example
 * const keyring = createEncryptionKeyring(secretsOf(encryptionConfig(read, 'LLM_AGENT')));
 */
export function encryptionConfig(read: EnvironmentReader, prefix: string): EncryptionConfig {
  return {
    secrets: read
      .secret(`${prefix}_ENCRYPTION_SECRETS`, {
        description: 'Seals secrets in the database. Several parted by commas: the first seals, all open.',
        minLength: 16,
      })
      .split(','),
    file: read.text(`${prefix}_ENCRYPTION_SECRETS_FILE`, {
      description:
        'A file of further such secrets, one a line, before those; read again while running, so that keys rotate without a restart.',
      optional: true,
    }),
  };
}
