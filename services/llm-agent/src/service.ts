import { randomUUID } from 'node:crypto';
import {
  AgentService,
  AgentVersionService,
  ConversationService,
  ExecutionService,
  PriceService,
} from '@flotilla/contracts/agent';
import { implement } from '@flotilla/grpc';
import { newId } from '@flotilla/postgres';
import { type Component, createServiceKit, type KitOptions, type Service } from '@flotilla/service';
import type { Config } from './config.ts';
import { conflicts } from './db/conflicts.ts';
import type { Schema } from './db/schema.ts';
import { createConversing } from './execution/conversing.ts';
import { createExecutor, type ExecutorOptions } from './execution/executor.ts';
import { createRetention } from './execution/retention.ts';
import { createRuns } from './execution/runs.ts';
import { createSweep } from './execution/sweep.ts';
import { agentVersions } from './grpc/agent-versions.ts';
import { agents } from './grpc/agents.ts';
import { conversations } from './grpc/conversations.ts';
import { executions } from './grpc/executions.ts';
import { prices } from './grpc/prices.ts';
import { createMeters } from './metrics.ts';
import { createProviders } from './providers/providers.ts';

/** Time to write down how interrupted executions ended. */
const endingMs = 3_000;

/** Builds the service; nothing connects or listens before `start`. */
export function createService(config: Config, overrides: Partial<KitOptions> = {}): Service {
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
  const providers = createProviders(config.providers, limits.maxAnswerBytes);
  const lease = { owner: `llm-agent-${randomUUID()}`, durationMs: limits.leaseMs };
  const runs = createRuns({ db, lease, heartbeatMs: limits.heartbeatMs, maxRuns: limits.max, log });
  const meters = createMeters(kit.metrics, () => runs.count);
  const executing: ExecutorOptions = {
    db,
    runs,
    meters,
    log,
    providers,
    now,
    newId,
    random: Math.random,
    retry: { firstDelayMs: limits.retryFirstDelayMs, maxDelayMs: limits.retryMaxDelayMs },
    gather: { ms: limits.gatherMs, characters: 256 },
    lookEveryMs: limits.lookEveryMs,
    start: { lease, now, newId, defaultTimeoutMs: limits.timeoutMs, defaultMaxAttempts: limits.maxAttempts },
  };
  const executor = createExecutor(executing);
  const conversing = createConversing(executing, executor);
  const sweep = createSweep({
    db,
    everyMs: limits.sweepEveryMs,
    keepNewsMs: limits.keepUpdatesMs,
    meters,
    log,
    now,
  });
  const { keepDays, keepMessagesDays, purgeAfterDays } = limits;
  const retention = createRetention({ db, keepExecutionsDays: keepDays, keepMessagesDays, purgeAfterDays, log, now });
  const components: Component[] = [
    { name: 'retention', phase: 'work', start: () => retention.start(), stop: () => retention.stop() },
    { name: 'sweep', phase: 'work', start: async () => sweep.start(), stop: () => sweep.stop() },
    // Together with the server: calls that wait for an execution get its end before they are aborted.
    { name: 'executions', phase: 'edge', stop: (graceMs) => runs.drain(graceMs - endingMs) },
  ];
  const keeping = { providers: new Set(providers.keys()), now, newId };
  return kit.service({
    grpc: [
      implement(AgentService, agents(db, keeping)),
      implement(AgentVersionService, agentVersions(db, keeping)),
      implement(ExecutionService, executions(db, executor)),
      implement(PriceService, prices(db, keeping)),
      implement(ConversationService, conversations(db, { now, newId }, conversing)),
    ],
    components,
  });
}
