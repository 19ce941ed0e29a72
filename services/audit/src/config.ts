import { type Environment, type EnvironmentReader, parseEnvironment } from '@flotilla/config';
import { type CommonConfig, commonConfig } from '@flotilla/service';

/** What the audit service is started with. */
export interface Config extends CommonConfig {
  /** Events appended in one transaction at most. */
  readonly batchSize: number;
}

/** Reads the audit service's configuration. */
export const readConfig = (read: EnvironmentReader): Config => ({
  ...commonConfig(read, 'AUDIT', 7406),
  batchSize: read.integer('AUDIT_BATCH_SIZE', {
    description: 'Events appended in one transaction at most.',
    default: 500,
    min: 1,
    max: 5_000,
  }),
});

/** Parses the environment; reports every problem at once. */
export const parseConfig = (env: Environment): Config => parseEnvironment(env, readConfig);
