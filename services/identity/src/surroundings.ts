import type { Database } from '@flotilla/postgres';
import type { Keyring } from '@flotilla/secrets';
import type { PasswordHasher } from './credentials/password-hasher.ts';
import type { Schema } from './db/schema.ts';

/** What the use cases of this service need from outside. */
export interface Surroundings {
  readonly db: Database<Schema>;
  readonly now: () => Date;
  readonly newId: () => string;
  readonly hasher: PasswordHasher;
  readonly keyring: Keyring;
  /** Every permission of the contract. */
  readonly permissions: readonly string[];
}
