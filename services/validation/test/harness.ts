import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import {
  type Rule,
  RuleService,
  RuleType,
  type ScoringModel,
  ScoringModelService,
  ValidationService,
} from '@flotilla/contracts/validation';
import { createGrpcClient, type GrpcClient } from '@flotilla/grpc';
import {
  type TestDatabase,
  type TestPrincipal,
  tenant,
  testDatabase,
  testIdentity,
  testKafka,
} from '@flotilla/testing';
import { parseConfig } from '../src/config.ts';
import { createService } from '../src/service.ts';

export const migrations = fileURLToPath(new URL('../src/db/migrations', import.meta.url));

/** Clients as one principal. */
export interface Clients {
  readonly rules: GrpcClient<typeof RuleService>;
  readonly models: GrpcClient<typeof ScoringModelService>;
  readonly validations: GrpcClient<typeof ValidationService>;
}

/** The service with a database of its own. */
export interface Validation extends Clients {
  readonly database: TestDatabase;
  readonly tenantId: string;
  as(principal: TestPrincipal): Promise<Clients>;
  createRule(ruleType: keyof typeof RuleType, configuration: NonNullable<Rule['configuration']>): Promise<Rule>;
  createModel(...rules: readonly Rule[]): Promise<ScoringModel>;
  /** Types and numbers of the events of an aggregate, as they wait in the outbox or have left it. */
  eventsOf(aggregateId: string): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export async function startValidation(): Promise<Validation> {
  const database = await testDatabase({ service: 'validation', domain: 'validation', migrations });
  const identity = testIdentity();
  const tenantId = tenant();
  const config = parseConfig({
    VALIDATION_GRPC_PORT: '0',
    VALIDATION_ADMIN_PORT: '0',
    VALIDATION_DATABASE_URL: database.appUrl,
    VALIDATION_RELAY_DATABASE_URL: database.relayUrl,
    VALIDATION_CLIENT_SECRET: 'not-used-in-these-tests',
    FLOTILLA_KAFKA_BROKERS: testKafka().brokers.join(','),
    FLOTILLA_LOG_LEVEL: 'silent',
    FLOTILLA_SHUTDOWN_GRACE_MS: '4000',
  });
  const service = createService(config, { verify: identity.verify, recordActions: async () => undefined });
  const { grpcPort } = await service.start();
  const open: { close(): void }[] = [];

  async function as(principal: TestPrincipal): Promise<Clients> {
    const token = await identity.token({ ttlMs: 600_000, ...principal });
    const options = { address: `127.0.0.1:${grpcPort}`, token: () => token, deadlineMs: 30_000 };
    const rules = createGrpcClient(RuleService, options);
    const models = createGrpcClient(ScoringModelService, options);
    const validations = createGrpcClient(ValidationService, options);
    open.push(rules, models, validations);
    return { rules, models, validations };
  }

  const own = await as({ tenantId, userId: randomUUID() });
  return {
    ...own,
    database,
    tenantId,
    as,
    createRule: (ruleType, configuration) =>
      own.rules.createRule({ name: `${ruleType} ${randomUUID()}`, ruleType: RuleType[ruleType], configuration }),
    createModel: (...rules) =>
      own.models.createScoringModel({ name: randomUUID(), rules: rules.map(({ id }) => ({ ruleId: id })) }),
    async eventsOf(aggregateId) {
      const rows = await database.query<{ event: string }>(
        `select type || ' ' || event_seq as event from (
           select type, event_seq from outbox where aggregate_id = $1 and event_seq is not null
           union select type, event_seq from outbox_sent where aggregate_id = $1 and event_seq is not null
         ) events order by event_seq`,
        [aggregateId],
      );
      return rows.map(({ event }) => event.replace('flotilla.validation.v1.', ''));
    },
    async stop() {
      for (const client of open) client.close();
      await service.stop();
      await database.drop();
    },
  };
}
