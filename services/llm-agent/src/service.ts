import { randomUUID } from 'node:crypto';
import {
  AgentService,
  AgentVersionService,
  BudgetService,
  ConversationService,
  ExecutionService,
  OwnProviderService,
  PriceService,
  ProviderService,
  ReplayService,
  ToolCallService,
  UsageService,
} from '@flotilla/contracts/agent';
import { implement } from '@flotilla/grpc';
import { isAllowedByName, mayCall } from '@flotilla/outbound';
import { createGatheredWrites, newId } from '@flotilla/postgres';
import { createRedis } from '@flotilla/redis';
import { createEncryptionKeyring, secretsOf } from '@flotilla/secrets';
import { type Component, createServiceKit, type KitOptions, type Service } from '@flotilla/service';
import type { Config } from './config.ts';
import { conflicts } from './db/conflicts.ts';
import { createKnownAgents } from './db/known-agents.ts';
import type { Schema } from './db/schema.ts';
import { createAnnouncer } from './execution/announcer.ts';
import { createConversing } from './execution/conversing.ts';
import { createExecutor, type ExecutorOptions } from './execution/executor.ts';
import { createRetention } from './execution/retention.ts';
import { createRewrapSweep } from './execution/rewrap-sweep.ts';
import { createRuns } from './execution/runs.ts';
import { createSweep } from './execution/sweep.ts';
import { createTakeInput } from './execution/take-input.ts';
import { agentVersions } from './grpc/agent-versions.ts';
import { agents } from './grpc/agents.ts';
import { budgets } from './grpc/budgets.ts';
import { conversations } from './grpc/conversations.ts';
import { executions } from './grpc/executions.ts';
import { prices } from './grpc/prices.ts';
import { ownProviders, providers as providersOf } from './grpc/providers.ts';
import { replays } from './grpc/replays.ts';
import { toolCalls } from './grpc/tool-calls.ts';
import { usage } from './grpc/usage.ts';
import { createMeters } from './metrics.ts';
import { createCircuitBreakers } from './providers/circuit-breakers.ts';
import { createOutboundFetch } from './providers/outbound-fetch.ts';
import { createProviders, operatorNames } from './providers/providers.ts';
import { createResponseCache } from './providers/response-cache.ts';
import { createProviderTest } from './providers/test-provider.ts';
import type { ToolPort } from './tools/tool-port.ts';
import { unavailableTools } from './tools/unavailable-tools.ts';

/** Time to write down how interrupted executions ended. */
const endingMs = 3_000;

/** What tests and later parts of the fleet put in place of what is here. */
export type Overrides = Partial<KitOptions> & { readonly tools?: ToolPort };

/** Builds the service; nothing connects or listens before `start`. */
export function createService(config: Config, { tools = unavailableTools, ...overrides }: Overrides = {}): Service {
  const limits = config.executions;
  const kit = createServiceKit<Schema>(config, {
    name: 'llm-agent',
    conflicts,
    // Who waits for an agent and says no deadline waits as long as agents may take.
    defaultDeadlineMs: limits.timeoutMs + endingMs,
    ...overrides,
  });
  const { db, log } = kit;
  const now = () => new Date();
  const keyring = createEncryptionKeyring(secretsOf(config.encryption));
  const allowedHosts = new Set(config.providers.allowedHosts);
  const outbound = createOutboundFetch(allowedHosts);
  const circuit = { failures: config.providers.circuitFailures, openMs: config.providers.circuitOpenMs };
  const redis =
    config.redisUrl === undefined ? undefined : createRedis({ url: config.redisUrl, log, metrics: kit.metrics });
  const providers = createProviders({
    db,
    keyring,
    log,
    config: config.providers,
    outbound,
    maxAnswerBytes: limits.maxAnswerBytes,
    circuits: createCircuitBreakers({ ...circuit, now }),
    cache: redis && createResponseCache(redis),
  });
  const lease = { owner: `llm-agent-${randomUUID()}`, durationMs: limits.leaseMs };
  const runs = createRuns({ db, lease, heartbeatMs: limits.heartbeatMs, maxRuns: limits.max, log });
  const meters = createMeters(kit.metrics, () => runs.count);
  const announcer = createAnnouncer({ db, log, now });
  const executing: ExecutorOptions = {
    db,
    gathered: createGatheredWrites(db),
    announcer,
    runs,
    meters,
    log,
    providers,
    now,
    newId,
    random: Math.random,
    tools,
    retry: { firstDelayMs: limits.retryFirstDelayMs, maxDelayMs: limits.retryMaxDelayMs },
    gather: { ms: limits.gatherMs, characters: 256 },
    lookEveryMs: limits.lookEveryMs,
    takeInput: createTakeInput({
      fetch: outbound.fetch,
      allowedHosts,
      maxBytes: limits.maxInputBytes,
      timeoutMs: limits.inputTimeoutMs,
    }),
    start: {
      agents: createKnownAgents(),
      lease,
      now,
      newId,
      defaultTimeoutMs: limits.timeoutMs,
      defaultMaxAttempts: limits.maxAttempts,
      defaultMaxIterations: limits.maxIterations,
      defaultMaxTokens: limits.maxTokens,
      maxStoredInputBytes: limits.maxStoredInputBytes,
    },
  };
  const executor = createExecutor(executing);
  const conversing = createConversing(executing, executor);
  const sweep = createSweep({
    db,
    announcer,
    everyMs: limits.sweepEveryMs,
    keepNewsMs: limits.keepUpdatesMs,
    meters,
    log,
    now,
  });
  const { keepDays, keepMessagesDays, purgeAfterDays } = limits;
  const retention = createRetention({ db, keepExecutionsDays: keepDays, keepMessagesDays, purgeAfterDays, log, now });
  const rewrap = createRewrapSweep({ db, keyring, everyMs: config.encryption.rewrapEveryMs, meters, log });
  const components: Component[] = [
    { name: 'providers', phase: 'storage', stop: () => outbound.close() },
    ...(redis ? [{ name: 'redis', phase: 'storage', stop: () => redis.close() } as const] : []),
    { name: 'retention', phase: 'work', start: () => retention.start(), stop: () => retention.stop() },
    { name: 'rewrap', phase: 'work', start: async () => rewrap.start(), stop: () => rewrap.stop() },
    { name: 'sweep', phase: 'work', start: async () => sweep.start(), stop: () => sweep.stop() },
    // Together with the server: calls that wait for an execution get its end before they are aborted.
    { name: 'executions', phase: 'edge', stop: (graceMs) => runs.drain(graceMs - endingMs) },
  ];
  const sharedProviders = new Set(providers.shared.keys());
  const keeping = { sharedProviders, now, newId };
  const providerKeeping = {
    keyring,
    now,
    newId,
    rules: {
      sharedNames: operatorNames,
      allowsAddress: (url: URL) => mayCall(url, allowedHosts),
      allowsPlain: (url: URL) => isAllowedByName(url, allowedHosts),
      hasLocalModel: config.providers.localModel.url !== undefined,
    },
  };
  return kit.service({
    grpc: [
      implement(AgentService, agents(db, keeping)),
      implement(AgentVersionService, agentVersions(db, keeping)),
      implement(ExecutionService, executions(db, executor)),
      implement(ReplayService, replays(db, executing.start, executor)),
      implement(ToolCallService, toolCalls(db)),
      implement(BudgetService, budgets(db, keeping)),
      implement(PriceService, prices(db, keeping)),
      implement(ConversationService, conversations(db, { now, newId }, conversing)),
      implement(ProviderService, providersOf(db, providerKeeping, createProviderTest({ db, providers, now }))),
      implement(OwnProviderService, ownProviders(db, providerKeeping)),
      implement(UsageService, usage(db, keeping)),
    ],
    components,
  });
}
