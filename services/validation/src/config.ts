import { type Environment, type EnvironmentReader, parseEnvironment } from '@flotilla/config';
import { type CommonConfig, commonConfig } from '@flotilla/service';

/** What the validation service is started with. */
export type Config = CommonConfig;

export const readConfig = (read: EnvironmentReader): Config => commonConfig(read, 'VALIDATION', 7404);

export const parseConfig = (env: Environment): Config => parseEnvironment(env, readConfig);
