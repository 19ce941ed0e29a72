import { type Environment, type EnvironmentReader, parseEnvironment } from '@flotilla/config';
import { AppError } from '@flotilla/errors';
import { type CommonConfig, commonConfig } from '@flotilla/service';
import type { Neighbours } from './steps/performers.ts';

/** What the workflow service is started with. Times in milliseconds. */
export interface Config extends CommonConfig {
  readonly neighbours: Neighbours;
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly taskQueue: string;
    readonly payloadSecrets: readonly string[];
  };
  readonly encryptionSecrets: readonly string[];
  readonly sweepEveryMs: number;
  readonly driverSilentForMs: number;
  readonly launchPollMs: number;
  readonly minIntervalSeconds: number;
  readonly quickUndoAttempts: number;
  readonly keepRunsDays: number;
  readonly maxConcurrentSteps: number;
  readonly rides: number;
  readonly lane: {
    readonly runs: number;
    readonly leaseMs: number;
    readonly longestStayMs: number;
    readonly longestPauseMs: number;
    readonly concurrentMoves: number;
  };
  /** By tenant; others have 1. */
  readonly tenantWeights: ReadonlyMap<string, number>;
}

export const readConfig = (read: EnvironmentReader): Config => ({
  ...commonConfig(read, 'WORKFLOW', 7403),
  neighbours: {
    agentAddress: address(read, 'LLM_AGENT', 'llm-agent', 7402),
    validationAddress: address(read, 'VALIDATION', 'validation', 7404),
    notificationAddress: address(read, 'NOTIFICATION', 'notification', 7405),
    allowedHosts: read.list('WORKFLOW_HTTP_ALLOWED_HOSTS', {
      description:
        'Targets of http steps that are not on the public internet, `host:port`; all others there are refused.',
      default: [],
    }),
  },
  temporal: {
    address: read.text('FLOTILLA_TEMPORAL_ADDRESS', {
      description: 'Temporal, `host:port`.',
      default: '127.0.0.1:7233',
    }),
    namespace: read.text('WORKFLOW_TEMPORAL_NAMESPACE', { description: 'Temporal’s namespace.', default: 'default' }),
    taskQueue: read.text('WORKFLOW_TEMPORAL_TASK_QUEUE', {
      description: 'Temporal’s task queue.',
      default: 'flotilla-workflow',
    }),
    payloadSecrets: read
      .secret('WORKFLOW_TEMPORAL_PAYLOAD_SECRETS', {
        description: 'Seals what is sent to Temporal. Several parted by commas: the first seals, all open.',
        minLength: 16,
      })
      .split(','),
  },
  encryptionSecrets: read
    .secret('WORKFLOW_ENCRYPTION_SECRETS', {
      description: 'Seals the secrets of webhooks. Several parted by commas: the first seals, all open.',
      minLength: 16,
    })
    .split(','),
  sweepEveryMs: read.integer('WORKFLOW_SWEEP_EVERY_MS', {
    description: 'How often runs without a driver, lost ones and grants to take back are looked for.',
    default: 5_000,
    min: 100,
  }),
  driverSilentForMs: read.integer('WORKFLOW_DRIVER_SILENT_FOR_MS', {
    description:
      'A run of which nothing was heard for this long is looked up at Temporal, and taken over if it is lost there.',
    default: 60_000,
    min: 100,
  }),
  launchPollMs: read.integer('WORKFLOW_LAUNCH_POLL_MS', {
    description: 'How often firings of schedules and triggers are looked for when nobody tells of one.',
    default: 500,
    min: 20,
  }),
  minIntervalSeconds: read.integer('WORKFLOW_MIN_INTERVAL_SECONDS', {
    description: 'The shortest interval of a schedule.',
    default: 10,
    min: 1,
  }),
  quickUndoAttempts: read.integer('WORKFLOW_QUICK_UNDO_ATTEMPTS', {
    description: 'Quick tries of an undo, before it counts as stuck and is tried on slowly.',
    default: 5,
    min: 1,
    max: 100,
  }),
  keepRunsDays: read.integer('WORKFLOW_KEEP_RUNS_DAYS', {
    description: 'Runs that were settled longer ago are forgotten, with their steps, journals and approvals.',
    default: 400,
    min: 1,
    max: 36_500,
  }),
  maxConcurrentSteps: read.integer('WORKFLOW_MAX_CONCURRENT_STEPS', {
    description: 'Steps that one process performs at once.',
    default: 100,
    min: 1,
    max: 1_000,
  }),
  rides: read.integer('WORKFLOW_RIDES', {
    description:
      'Runs at Temporal whose short steps one process performs on the way, at once; a tenant has three quarters of them at most. 0: each step is an activity.',
    default: 32,
    min: 0,
    max: 1_000,
  }),
  lane: {
    runs: read.integer('WORKFLOW_LANE_RUNS', {
      description:
        'Runs that one process drives by itself at once; a tenant has three quarters of them at most. 0: Temporal drives all.',
      default: 64,
      min: 0,
      max: 10_000,
    }),
    leaseMs: read.integer('WORKFLOW_LANE_LEASE_MS', {
      description: 'A run whose process was not heard of for this long is given to Temporal.',
      default: 10_000,
      min: 300,
    }),
    longestStayMs: read.integer('WORKFLOW_LANE_LONGEST_STAY_MS', {
      description:
        'A run that has been driven by its process for longer is given to Temporal after the step under way.',
      default: 30_000,
      min: 1,
    }),
    longestPauseMs: read.integer('WORKFLOW_LANE_LONGEST_PAUSE_MS', {
      description: 'A step that has to wait longer before its next attempt takes its run to Temporal.',
      default: 200,
      min: 0,
    }),
    concurrentMoves: read.integer('WORKFLOW_LANE_CONCURRENT_MOVES', {
      description: 'Moves of its runs that one process writes at once; below the connections to the database.',
      default: 4,
      min: 1,
      max: 100,
    }),
  },
  tenantWeights: new Map(
    read
      .list('WORKFLOW_TENANT_WEIGHTS', {
        description:
          'Tenants that get more or less than their turn where runs wait, `tenant=weight`; others have the weight 1.',
        default: [],
      })
      .map(weight),
  ),
});

export const parseConfig = (env: Environment): Config => parseEnvironment(env, readConfig);

function weight(text: string): [string, number] {
  const [tenantId = '', value = ''] = text.split('=');
  const parsed = Number(value);
  if (!(parsed > 0) || parsed > 1_000) {
    throw new AppError(
      'invalid_argument',
      'CONFIG_INVALID',
      `WORKFLOW_TENANT_WEIGHTS: "${text}" is not tenant=weight.`,
    );
  }
  return [tenantId, parsed];
}

function address(read: EnvironmentReader, variable: string, service: string, port: number): string {
  return read.text(`FLOTILLA_${variable}_ADDRESS`, {
    description: `The ${service} service: \`host:port\`, or \`ipv4:a:1,b:2\` for several.`,
    default: `127.0.0.1:${port}`,
  });
}
