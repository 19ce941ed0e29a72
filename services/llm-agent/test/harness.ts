import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@bufbuild/protobuf';
import {
  AgentService,
  AgentVersionService,
  BudgetService,
  ConversationService,
  type Execution,
  ExecutionService,
  OwnProviderService,
  PriceService,
  ProviderService,
  ReplayService,
  ToolCallService,
  UsageService,
} from '@flotilla/contracts/agent';
import { createGrpcClient, type GrpcClient } from '@flotilla/grpc';
import { createLogger, type Logger } from '@flotilla/observability';
import {
  type ScriptedModel,
  startScriptedModel,
  type TestDatabase,
  type TestPrincipal,
  type TestTopics,
  tenant,
  testDatabase,
  testIdentity,
  testTopics,
} from '@flotilla/testing';
import { onTestFinished } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { createService } from '../src/service.ts';
import type { ToolPort } from '../src/tools/tool-port.ts';

export const migrations = fileURLToPath(new URL('../src/db/migrations', import.meta.url));

/** Clients of one replica, as one principal. */
export interface Clients {
  readonly agents: GrpcClient<typeof AgentService>;
  readonly versions: GrpcClient<typeof AgentVersionService>;
  readonly executions: GrpcClient<typeof ExecutionService>;
  readonly prices: GrpcClient<typeof PriceService>;
  readonly replays: GrpcClient<typeof ReplayService>;
  readonly toolCalls: GrpcClient<typeof ToolCallService>;
  readonly budgets: GrpcClient<typeof BudgetService>;
  readonly conversations: GrpcClient<typeof ConversationService>;
  readonly providers: GrpcClient<typeof ProviderService>;
  readonly ownProviders: GrpcClient<typeof OwnProviderService>;
  readonly usage: GrpcClient<typeof UsageService>;
}

/** What the service stands on. */
export interface Backing {
  readonly model: ScriptedModel;
  readonly database: TestDatabase;
  readonly topics: TestTopics;
}

/** The service with a database of its own and a scripted provider, named `openai-compatible`. */
export interface LlmAgent extends Clients, Backing {
  readonly tenantId: string;
  readonly userId: string;
  /** Another replica on the same database. */
  replica(
    env?: Record<string, string>,
    log?: Logger,
    by?: TestPrincipal,
  ): Promise<{ readonly stop: () => Promise<void> } & Clients>;
  /** The same replica as somebody else. */
  as(principal: TestPrincipal): Promise<Clients>;
  /** Creates an agent whose provider is the script. */
  createAgent(different?: AgentDifferences): Promise<string>;
  /** The ledger of an execution: status and reason of each attempt. */
  ledger(executionId: string): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** What a test wants of an agent. */
export interface AgentDifferences {
  readonly provider?: string;
  readonly model?: string;
  readonly systemPrompt?: string;
  readonly outputSchema?: JsonObject;
  readonly parameters?: { temperature?: number; maxTokens?: number };
  readonly limits?: { timeout?: { seconds: bigint; nanos: number }; maxAttempts?: number; maxIterations?: number };
  readonly tools?: string[];
  readonly capabilities?: { capability: string; proficiencyLevel: number }[];
  readonly memoryEnabled?: boolean;
  readonly routing?: {
    fallbacks?: { provider: string; model: string }[];
    hopOnRefusal?: boolean;
    cacheTtl?: { seconds: bigint; nanos: number };
  };
}

/** Fast where nothing is proven by waiting. */
const quick = {
  LLM_AGENT_CIRCUIT_FAILURES: '1000',
  LLM_AGENT_RETRY_FIRST_DELAY_MS: '5',
  LLM_AGENT_RETRY_MAX_DELAY_MS: '20',
  LLM_AGENT_HEARTBEAT_MS: '100',
  LLM_AGENT_LEASE_MS: '2000',
  LLM_AGENT_SWEEP_EVERY_MS: '200',
  LLM_AGENT_LOOK_EVERY_MS: '50',
  LLM_AGENT_GATHER_MS: '5',
};

export function environment({ database, model, topics }: Backing): Record<string, string> {
  return {
    LLM_AGENT_GRPC_PORT: '0',
    LLM_AGENT_ADMIN_PORT: '0',
    LLM_AGENT_DATABASE_URL: database.appUrl,
    LLM_AGENT_RELAY_DATABASE_URL: database.relayUrl,
    LLM_AGENT_CLIENT_SECRET: 'not-used-in-these-tests',
    LLM_AGENT_ENCRYPTION_SECRETS: 'first-secret-of-these-tests',
    LLM_AGENT_REWRAP_EVERY_MS: '100',
    LLM_AGENT_OPENAI_COMPATIBLE_URL: model.url,
    LLM_AGENT_OPENAI_COMPATIBLE_KEY: 'sk-canary-provider-key',
    FLOTILLA_KAFKA_BROKERS: topics.brokers.join(','),
    FLOTILLA_KAFKA_PREFIX: topics.prefix,
    FLOTILLA_LOG_LEVEL: 'silent',
    FLOTILLA_SHUTDOWN_GRACE_MS: '4000',
    ...quick,
  };
}

export async function startLlmAgent(env: Record<string, string> = {}, tools?: ToolPort): Promise<LlmAgent> {
  const model = await startScriptedModel({ script: [{ kind: 'answer', text: 'Hello.' }] });
  const database = await testDatabase({ service: 'llm-agent', domain: 'agent', migrations });
  const topics = await testTopics();
  const identity = testIdentity();
  const tenantId = tenant();

  async function start(different: Record<string, string> = {}, log?: Logger) {
    const config = parseConfig({ ...environment({ database, model, topics }), ...env, ...different });
    const service = createService(config, {
      verify: identity.verify,
      recordActions: async () => undefined,
      log: log ?? createLogger({ service: 'llm-agent', level: config.logLevel }),
      ...(tools && { tools }),
    });
    const { grpcPort } = await service.start();
    return { service, address: `127.0.0.1:${grpcPort}` };
  }

  async function clients(address: string, principal: TestPrincipal): Promise<Clients & { close(): void }> {
    const token = await identity.token({ ttlMs: 600_000, ...principal });
    const options = { address, token: () => token, deadlineMs: 30_000 };
    const agents = createGrpcClient(AgentService, options);
    const versions = createGrpcClient(AgentVersionService, options);
    const executions = createGrpcClient(ExecutionService, options);
    const prices = createGrpcClient(PriceService, options);
    const replays = createGrpcClient(ReplayService, options);
    const toolCalls = createGrpcClient(ToolCallService, options);
    const budgets = createGrpcClient(BudgetService, options);
    const conversations = createGrpcClient(ConversationService, options);
    const providers = createGrpcClient(ProviderService, options);
    const ownProviders = createGrpcClient(OwnProviderService, options);
    const usage = createGrpcClient(UsageService, options);
    return {
      agents,
      versions,
      executions,
      prices,
      replays,
      toolCalls,
      budgets,
      usage,
      conversations,
      providers,
      ownProviders,
      close() {
        const all = [
          agents,
          versions,
          executions,
          prices,
          usage,
          budgets,
          replays,
          toolCalls,
          conversations,
          providers,
          ownProviders,
        ];
        for (const client of all) client.close();
      },
    };
  }

  const userId = randomUUID();
  const { service, address } = await start();
  const own = await clients(address, { tenantId, userId });
  return {
    ...own,
    model,
    database,
    topics,
    tenantId,
    userId,
    async replica(different, log, by = { tenantId, userId }) {
      const other = await start(different, log);
      const itsClients = await clients(other.address, by);
      let stopped = false;
      const stop = async () => {
        if (stopped) return;
        stopped = true;
        itsClients.close();
        await other.service.stop();
      };
      onTestFinished(stop);
      return { ...itsClients, stop };
    },
    as: async (principal) => {
      const others = await clients(address, principal);
      onTestFinished(() => others.close());
      return others;
    },
    async createAgent(different = {}) {
      const agent = await own.agents.createAgent({
        name: 'Scripted',
        slug: `scripted-${randomUUID()}`,
        provider: 'openai-compatible',
        model: 'scripted',
        systemPrompt: 'You answer.',
        ...different,
      });
      return agent.id;
    },
    async ledger(executionId) {
      const { attempts } = await own.executions.listProviderAttempts({ executionId });
      return attempts.map(({ status, errorReason }) => `${status} ${errorReason}`.trim());
    },
    async stop() {
      own.close();
      await service.stop();
      await model.stop();
      await database.drop();
      await topics.drop();
    },
  };
}

/** The finished execution at the end of a stream. */
export function endOf(updates: readonly { update: { case?: string | undefined; value?: unknown } }[]): Execution {
  const last = updates.at(-1)?.update;
  if (last?.case !== 'execution') throw new Error('The stream did not end with an execution.');
  return last.value as Execution;
}
