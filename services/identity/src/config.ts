import { type Environment, type EnvironmentReader, parseEnvironment } from '@flotilla/config';
import { type CommonConfig, commonConfig } from '@flotilla/service';

/** What the identity service is started with. Times in milliseconds. */
export interface Config extends CommonConfig {
  /** Private JSON Web Key Set; the first key signs. */
  readonly signingKeys: string;
  /** `name:sha256` of each service's client secret. */
  readonly serviceCredentials: readonly string[];
  readonly bootstrap: Bootstrap;
  readonly sessionTtlMs: number;
  readonly lockout: { readonly attempts: number; readonly durationMs: number };
}

/** What the first start makes: the tenant that runs the installation, and its administrator. */
export interface Bootstrap {
  readonly tenantSlug: string;
  readonly adminEmail: string;
  readonly adminPassword: string;
  readonly apiKey: string | undefined;
}

export const readConfig = (read: EnvironmentReader): Config => ({
  ...commonConfig(read, 'IDENTITY', 7401),
  signingKeys: read.secret('IDENTITY_SIGNING_KEYS', {
    description: 'Private Ed25519 keys as a JSON Web Key Set; the first signs, all are published.',
  }),
  serviceCredentials: read.list('IDENTITY_SERVICE_CREDENTIALS', {
    description: 'The services of the fleet: `name:` and the SHA-256 of its client secret in hex, for each.',
  }),
  bootstrap: {
    tenantSlug: read.text('IDENTITY_BOOTSTRAP_TENANT_SLUG', {
      description: 'The tenant that runs the installation; made at the first start.',
      default: 'flotilla',
    }),
    adminEmail: read.text('IDENTITY_BOOTSTRAP_ADMIN_EMAIL', { description: 'Its first administrator.' }),
    adminPassword: read.secret('IDENTITY_BOOTSTRAP_ADMIN_PASSWORD', {
      description: 'The administrator’s first password.',
      minLength: 12,
    }),
    apiKey: read.secret('IDENTITY_BOOTSTRAP_API_KEY', {
      description: 'An API key for the administrator; another value later replaces it.',
      optional: true,
    }),
  },
  sessionTtlMs: read.integer('IDENTITY_SESSION_TTL_MS', {
    description: 'How long a session lasts.',
    default: 43_200_000,
    min: 60_000,
  }),
  lockout: {
    attempts: read.integer('IDENTITY_LOCKOUT_ATTEMPTS', {
      description: 'Wrong passwords in a row that lock an account.',
      default: 5,
      min: 1,
    }),
    durationMs: read.integer('IDENTITY_LOCKOUT_MS', {
      description: 'How long it stays locked.',
      default: 900_000,
      min: 100,
    }),
  },
});

export const parseConfig = (env: Environment): Config => parseEnvironment(env, readConfig);
