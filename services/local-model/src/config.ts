import { type Environment, type EnvironmentReader, parseEnvironment } from '@flotilla/config';
import { type LogLevel, logLevels } from '@flotilla/observability';

/** What the local model is started with. */
export interface Config {
  readonly host: string;
  readonly httpPort: number;
  readonly adminPort: number;
  readonly logLevel: LogLevel;
  readonly model: ModelConfig;
  /** Requests that may wait for the one that runs; the next is refused with 429. */
  readonly queueLength: number;
  readonly shutdownGraceMs: number;
}

export interface ModelConfig {
  readonly path: string;
  /** The name that `/v1/models` lists. */
  readonly name: string;
  readonly threads: number;
  readonly contextTokens: number;
  /** For requests that do not say `max_tokens`. */
  readonly maxTokens: number;
}

export const readConfig = (read: EnvironmentReader): Config => ({
  host: read.text('FLOTILLA_HOST', { description: 'Address to listen on.', default: '127.0.0.1' }),
  httpPort: read.integer('LOCAL_MODEL_HTTP_PORT', { description: 'Port of the API.', default: 7407, max: 65_535 }),
  adminPort: read.integer('LOCAL_MODEL_ADMIN_PORT', {
    description: 'Port of health and metrics.',
    default: 7507,
    max: 65_535,
  }),
  logLevel: read.oneOf('FLOTILLA_LOG_LEVEL', {
    description: 'How much is logged.',
    values: logLevels,
    default: 'info',
  }),
  model: {
    path: read.text('LOCAL_MODEL_PATH', { description: 'The model, a GGUF file.' }),
    name: read.text('LOCAL_MODEL_NAME', { description: 'What the model is called.', default: 'smollm2-135m-instruct' }),
    threads: read.integer('LOCAL_MODEL_THREADS', {
      description: 'Threads that compute; never more than there are cores, or answers become slower by orders.',
      default: 2,
      min: 1,
      max: 256,
    }),
    contextTokens: read.integer('LOCAL_MODEL_CONTEXT_TOKENS', {
      description: 'Prompt and answer together may be this long, in tokens.',
      default: 4096,
      min: 256,
      max: 131_072,
    }),
    maxTokens: read.integer('LOCAL_MODEL_MAX_TOKENS', {
      description: 'Length of an answer in tokens where the request sets none.',
      default: 512,
      min: 1,
    }),
  },
  queueLength: read.integer('LOCAL_MODEL_QUEUE_LENGTH', {
    description: 'Requests that may wait; the next is refused with 429.',
    default: 32,
  }),
  shutdownGraceMs: read.integer('LOCAL_MODEL_SHUTDOWN_GRACE_MS', {
    description: 'How long running answers may take at shutdown, in milliseconds.',
    default: 5_000,
  }),
});

export const parseConfig = (env: Environment): Config => parseEnvironment(env, readConfig);
