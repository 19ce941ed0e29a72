import { randomUUID } from 'node:crypto';
import type { DescService, MessageInitShape } from '@bufbuild/protobuf';
import {
  type AgentSchema,
  AgentService,
  AgentStatus,
  type ExecutionSchema,
  ExecutionService,
  ExecutionStatus,
} from '@flotilla/contracts/agent';
import { NotificationService, TemplateService } from '@flotilla/contracts/notification';
import { ValidationOutcome, type ValidationResultSchema, ValidationService } from '@flotilla/contracts/validation';
import { AppError } from '@flotilla/errors';
import { type Call, createGrpcServer, implement, type ServiceImplementation } from '@flotilla/grpc';
import { createLogger, createMetrics } from '@flotilla/observability';
import type { TestIdentity } from '@flotilla/testing';

/** A call that a neighbour received. */
export interface Received {
  readonly method: string;
  readonly key: string;
  readonly request: Record<string, unknown>;
  readonly actor: string;
  readonly tenantId: string;
  readonly traceId: string;
}

/** What the neighbours answer; changed by tests as they go. */
export interface Script {
  execute: (prompt: string, call: Call) => Promise<MessageInitShape<typeof ExecutionSchema>>;
  validate: (content: string) => Promise<MessageInitShape<typeof ValidationResultSchema>>;
  send: () => Promise<void>;
  revoke: () => Promise<void>;
  /** Of an agent that is asked for by its id. */
  agent: (id: string) => Promise<MessageInitShape<typeof AgentSchema>>;
}

/** llm-agent, validation and notification as their contract says, with scripted answers. One address for all. */
export interface Neighbours {
  readonly address: string;
  readonly received: readonly Received[];
  /** Notifications by the key under which they were accepted, once each, as the contract promises. */
  readonly notifications: ReadonlyMap<string, 'sent' | 'revoked'>;
  script: Script;
  stop(): Promise<void>;
}

export const answers = {
  output: { severity: 'high', summary: 'Fixes things.', cves: [] },
  passed: { overallScore: 1, outcome: ValidationOutcome.PASSED },
  warning: { overallScore: 0.6, outcome: ValidationOutcome.WARNING },
  failed: {
    overallScore: 0.1,
    outcome: ValidationOutcome.FAILED,
    ruleResults: [{ ruleName: 'no CVE is invented', passed: false, detail: 'CVE-2099-1' }],
  },
};

export const wellScript = (): Script => ({
  execute: async () => ({
    id: randomUUID(),
    status: ExecutionStatus.COMPLETED,
    response: JSON.stringify(answers.output),
    output: { kind: { case: 'structValue', value: { fields: fieldsOf(answers.output) } } } as never,
  }),
  validate: async () => ({ id: randomUUID(), ...answers.passed }),
  send: async () => undefined,
  revoke: async () => undefined,
  agent: async (id) => ({ id, name: 'Some agent', slug: 'some', status: AgentStatus.ACTIVE, version: 1 }),
});

export async function startNeighbours(identity: TestIdentity): Promise<Neighbours> {
  const received: Received[] = [];
  const notifications = new Map<string, 'sent' | 'revoked'>();
  const replies = new Map<string, unknown>();
  const neighbours = { script: wellScript() };
  const note = (method: string, request: object, call: Call): string => {
    const key = call.idempotency?.key ?? '';
    const { actor, tenantId } = call.principal;
    const traceId = call.traceparent.slice(3, 35);
    received.push({ method, key, request: { ...request }, actor: `${actor.type}:${actor.id}`, tenantId, traceId });
    return key;
  };
  /** The same key, the same answer: what the contract calls idempotent. */
  const once = async <T>(key: string, answer: () => Promise<T>): Promise<T> => {
    if (!replies.has(key)) replies.set(key, await answer());
    return replies.get(key) as T;
  };

  const server = createGrpcServer({
    host: '127.0.0.1',
    port: 0,
    verify: identity.verify,
    log: createLogger({ service: 'neighbours', level: 'silent' }),
    metrics: createMetrics('neighbours'),
    services: [
      partly(AgentService, {
        getAgent: ({ id }) => neighbours.script.agent(id),
        listAgents: async ({ slug }) => ({
          agents: slug === 'known' ? [{ id: randomUUID(), slug, status: AgentStatus.ACTIVE, version: 1 }] : [],
        }),
      }),
      partly(ExecutionService, {
        executeAgent: (request, call) =>
          once(note('executeAgent', request, call), () => neighbours.script.execute(request.prompt, call)),
      }),
      partly(ValidationService, {
        validateContent: (request, call) =>
          once(note('validateContent', request, call), () => neighbours.script.validate(request.content)),
      }),
      partly(TemplateService, {
        listTemplates: async ({ name }) => ({ templates: name === 'known' ? [{ id: randomUUID(), name }] : [] }),
      }),
      partly(NotificationService, {
        async sendNotification(request, call) {
          const key = note('sendNotification', request, call);
          if (notifications.get(key) === 'revoked') {
            throw new AppError('failed_precondition', 'IDEMPOTENCY_KEY_REVOKED', 'The key was revoked.');
          }
          await neighbours.script.send();
          notifications.set(key, 'sent');
          return { id: randomUUID() };
        },
        async revokeNotification(request, call) {
          note('revokeNotification', request, call);
          await neighbours.script.revoke();
          notifications.set(request.idempotencyKey, 'revoked');
          return { withdrawn: true };
        },
      }),
    ],
  });
  const { port } = await server.start();
  return Object.assign(neighbours, {
    address: `127.0.0.1:${port}`,
    received,
    notifications,
    stop: () => server.drain(0),
  });
}

/** A service of which a test needs some methods. */
function partly<S extends DescService>(service: S, methods: Partial<ServiceImplementation<S>>) {
  const rest = Object.fromEntries(
    service.methods.map((method) => [
      method.localName,
      async () => {
        throw new AppError('internal', 'NOT_IN_THE_SCRIPT', `${method.name} is not in the script.`);
      },
    ]),
  );
  return implement(service, { ...rest, ...methods } as ServiceImplementation<S>);
}

function fieldsOf(output: typeof answers.output) {
  const text = (value: string) => ({ kind: { case: 'stringValue', value } });
  return {
    severity: text(output.severity),
    summary: text(output.summary),
    cves: { kind: { case: 'listValue', value: { values: [] } } },
  };
}
