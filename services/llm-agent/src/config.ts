import { type Environment, type EnvironmentReader, parseEnvironment } from '@flotilla/config';
import { type CommonConfig, commonConfig, type EncryptionConfig, encryptionConfig } from '@flotilla/service';
import type { Modality } from './domain/provider.ts';

/** What the llm-agent service is started with. Times in milliseconds. */
export interface Config extends CommonConfig {
  readonly providers: {
    /** None where it is not configured. */
    readonly localModel: {
      readonly url: string | undefined;
      readonly timeoutMs: number;
      readonly inputs: readonly Modality[];
    };
    readonly openaiCompatible: {
      readonly url: string | undefined;
      readonly key: string | undefined;
      readonly timeoutMs: number;
      readonly inputs: readonly Modality[];
    };
    /** Of tenants' providers that set none. */
    readonly timeoutMs: number;
    readonly idleTimeoutMs: number;
    /** `host:port` inside the operator's networks that tenants' providers may be at. */
    readonly allowedHosts: readonly string[];
    readonly circuitFailures: number;
    readonly circuitOpenMs: number;
  };
  readonly redisUrl: string | undefined;
  readonly encryption: EncryptionConfig & { readonly rewrapEveryMs: number };
  readonly executions: ExecutionsConfig;
}

export interface ExecutionsConfig {
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly maxIterations: number;
  readonly maxTokens: number;
  readonly retryFirstDelayMs: number;
  readonly retryMaxDelayMs: number;
  readonly maxAnswerBytes: number;
  readonly maxInputBytes: number;
  readonly maxStoredInputBytes: number;
  readonly inputTimeoutMs: number;
  /** At once, in this process. */
  readonly max: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly sweepEveryMs: number;
  readonly keepUpdatesMs: number;
  readonly keepDays: number;
  readonly keepMessagesDays: number;
  readonly purgeAfterDays: number;
  readonly lookEveryMs: number;
  readonly gatherMs: number;
}

/** Below the time of an execution, so that some is left for the next provider of a chain. */
const callTime = { default: 90_000, min: 1, max: 3_600_000 };

/** What models take besides text, where no provider of a tenant says so. */
const inputs = {
  description: 'What its models take besides text: `image`, `pdf`, `audio`.',
  default: [],
  values: ['image', 'pdf', 'audio'],
} as const;

export const readConfig = (read: EnvironmentReader): Config => ({
  ...commonConfig(read, 'LLM_AGENT', 7402),
  providers: {
    localModel: {
      url: read.url('LLM_AGENT_LOCAL_MODEL_URL', {
        description: 'The local model, provider `local`; without `/v1`.',
        optional: true,
        protocols: ['http', 'https'],
      }),
      timeoutMs: read.integer('LLM_AGENT_LOCAL_MODEL_TIMEOUT_MS', {
        description: 'The longest that one call at it may take.',
        ...callTime,
      }),
      inputs: read.list('LLM_AGENT_LOCAL_MODEL_INPUTS', inputs),
    },
    openaiCompatible: {
      url: read.url('LLM_AGENT_OPENAI_COMPATIBLE_URL', {
        description: 'A server that speaks OpenAI’s chat completions, provider `openai-compatible`; with `/v1`.',
        optional: true,
        protocols: ['http', 'https'],
      }),
      key: read.secret('LLM_AGENT_OPENAI_COMPATIBLE_KEY', {
        description: 'Its key, where it wants one.',
        optional: true,
      }),
      timeoutMs: read.integer('LLM_AGENT_OPENAI_COMPATIBLE_TIMEOUT_MS', {
        description: 'The longest that one call at it may take.',
        ...callTime,
      }),
      inputs: read.list('LLM_AGENT_OPENAI_COMPATIBLE_INPUTS', inputs),
    },
    timeoutMs: read.integer('LLM_AGENT_PROVIDER_TIMEOUT_MS', {
      description: 'The longest that one call at a tenant’s provider may take, where the provider sets none.',
      ...callTime,
    }),
    idleTimeoutMs: read.integer('LLM_AGENT_PROVIDER_IDLE_TIMEOUT_MS', {
      description: 'The longest that any provider may be silent, where it sets none: before its answer, and within it.',
      default: 60_000,
      min: 1,
      max: 3_600_000,
    }),
    allowedHosts: read.list('LLM_AGENT_ALLOWED_HOSTS', {
      description:
        'Addresses of tenants’ providers that are not on the public internet, `host:port`; all others there are refused.',
      default: [],
    }),
    circuitFailures: read.integer('LLM_AGENT_CIRCUIT_FAILURES', {
      description: 'Calls in a row that find a provider away, after which a tenant’s calls leave it alone for a while.',
      default: 10,
      min: 1,
    }),
    circuitOpenMs: read.integer('LLM_AGENT_CIRCUIT_OPEN_MS', {
      description: 'How long that while is; then one call tries.',
      default: 10_000,
      min: 1,
    }),
  },
  redisUrl: read.url('FLOTILLA_REDIS_URL', {
    description: 'Keeps answers for agents that want it; without it every question is asked.',
    optional: true,
    protocols: ['redis', 'rediss'],
  }),
  encryption: {
    ...encryptionConfig(read, 'LLM_AGENT'),
    rewrapEveryMs: read.integer('LLM_AGENT_REWRAP_EVERY_MS', {
      description: 'How often secrets under an older key are looked for, and the file of secrets is read again.',
      default: 60_000,
      min: 10,
    }),
  },
  executions: {
    timeoutMs: read.integer('LLM_AGENT_EXECUTION_TIMEOUT_MS', {
      description: 'Time of an execution, retries included, where the agent sets none.',
      default: 120_000,
      min: 1,
      max: 3_600_000,
    }),
    maxAttempts: read.integer('LLM_AGENT_MAX_ATTEMPTS', {
      description: 'Calls at the provider for an execution, where the agent sets none.',
      default: 3,
      min: 1,
      max: 10,
    }),
    maxIterations: read.integer('LLM_AGENT_MAX_ITERATIONS', {
      description: 'Rounds of tool calls in an execution, where the agent sets none.',
      default: 10,
      min: 1,
      max: 50,
    }),
    maxTokens: read.integer('LLM_AGENT_DEFAULT_MAX_TOKENS', {
      description: 'Tokens of an answer at most, where the agent sets no limit and a budget bounds the call.',
      default: 4_096,
      min: 1,
      max: 1_000_000,
    }),
    retryFirstDelayMs: read.integer('LLM_AGENT_RETRY_FIRST_DELAY_MS', {
      description: 'Pause before the second call; it doubles with each further one.',
      default: 500,
      min: 1,
    }),
    retryMaxDelayMs: read.integer('LLM_AGENT_RETRY_MAX_DELAY_MS', {
      description: 'The longest such pause. What a provider asks for by Retry-After is waited in any case.',
      default: 10_000,
      min: 1,
    }),
    maxAnswerBytes: read.integer('LLM_AGENT_MAX_ANSWER_BYTES', {
      description: 'Larger answers fail with OUTPUT_TOO_LARGE.',
      default: 4 * 1024 * 1024,
      min: 1_024,
      max: 4 * 1024 * 1024,
    }),
    maxInputBytes: read.integer('LLM_AGENT_MAX_INPUT_BYTES', {
      description: 'All files of a prompt or a message together; more is refused with INPUT_TOO_LARGE.',
      default: 4 * 1024 * 1024,
      min: 1_024,
      max: 6 * 1024 * 1024,
    }),
    maxStoredInputBytes: read.integer('LLM_AGENT_MAX_STORED_INPUT_BYTES', {
      description: 'All files that are kept for a tenant together; more is refused with INPUT_STORAGE_FULL.',
      default: 1024 * 1024 * 1024,
      min: 1_024,
    }),
    inputTimeoutMs: read.integer('LLM_AGENT_INPUT_TIMEOUT_MS', {
      description: 'The longest that reading a file from its address may take.',
      default: 15_000,
      min: 1,
    }),
    max: read.integer('LLM_AGENT_MAX_EXECUTIONS', {
      description: 'Executions that one process runs at once; more are refused with EXECUTIONS_BUSY.',
      default: 200,
      min: 1,
    }),
    leaseMs: read.integer('LLM_AGENT_LEASE_MS', {
      description: 'An execution whose process was not heard of for this long is ended.',
      default: 15_000,
      min: 100,
    }),
    heartbeatMs: read.integer('LLM_AGENT_HEARTBEAT_MS', {
      description: 'How often leases are renewed and cancellations of other replicas are noticed.',
      default: 1_000,
      min: 10,
    }),
    sweepEveryMs: read.integer('LLM_AGENT_SWEEP_EVERY_MS', {
      description: 'How often executions of dead processes are looked for.',
      default: 5_000,
      min: 10,
    }),
    keepUpdatesMs: read.integer('LLM_AGENT_KEEP_UPDATES_MS', {
      description: 'How long the pieces of a streamed answer are kept. The answer itself stays.',
      default: 86_400_000,
      min: 3_600_000,
    }),
    keepDays: read.integer('LLM_AGENT_KEEP_EXECUTIONS_DAYS', {
      description: 'How long executions and the ledger are kept; they are dropped by whole months.',
      default: 400,
      min: 31,
    }),
    keepMessagesDays: read.integer('LLM_AGENT_KEEP_MESSAGES_DAYS', {
      description: 'How long messages of conversations are kept; they are dropped by whole months.',
      default: 400,
      min: 31,
    }),
    purgeAfterDays: read.integer('LLM_AGENT_PURGE_CONVERSATIONS_AFTER_DAYS', {
      description: 'When the texts of a removed conversation, and of its executions, are purged.',
      default: 30,
      min: 0,
    }),
    lookEveryMs: read.integer('LLM_AGENT_LOOK_EVERY_MS', {
      description: 'How often a follower looks for news of an execution on another replica.',
      default: 250,
      min: 10,
    }),
    gatherMs: read.integer('LLM_AGENT_GATHER_MS', {
      description: 'Pieces of an answer are gathered this long before followers are told.',
      default: 50,
      min: 1,
    }),
  },
});

export const parseConfig = (env: Environment): Config => parseEnvironment(env, readConfig);
