import { createPublicKey } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ExecuteAgentRequestSchema, ExecutionSchema, ExecutionStatus } from '@flotilla/contracts/agent';
import * as grpc from '@grpc/grpc-js';
import pg from 'pg';
import { answerCalls } from '../child.ts';
import { askModel } from './ask-model.ts';
import { createTokenCheck } from './principal.ts';
import { type Finished, findAgent, finishExecution, startExecution } from './statements.ts';

/** The bare program's owner of agents: gRPC in, SQL and the provider out. */
export interface OwnerCalls {
  start(options: OwnerOptions): Promise<{ readonly address: string }>;
}

interface OwnerOptions {
  readonly databaseUrl: string;
  readonly modelUrl: string;
  readonly maxConnections: number;
  /** Of whoever signs tokens. */
  readonly publicKey: string;
}

async function start(options: OwnerOptions): Promise<{ address: string }> {
  const { databaseUrl, modelUrl, maxConnections } = options;
  const pool = new pg.Pool({ connectionString: databaseUrl, max: maxConnections });
  const check = createTokenCheck(createPublicKey(options.publicKey));

  async function execute(request: Uint8Array, metadata: grpc.Metadata): Promise<Uint8Array> {
    const principal = check(String(metadata.get('authorization')[0]).slice('Bearer '.length));
    if (!principal?.permissions.includes('agents:execute')) throw new Error('permission denied');
    const { agentId, prompt } = fromBinary(ExecuteAgentRequestSchema, request);
    const agent = await findAgent(pool, agentId, principal.tenantId);
    const started = await startExecution(pool, agent, { prompt, userId: principal.userId });
    const answer = await askModel(modelUrl, agent, prompt);
    return toReply(await finishExecution(pool, started, answer));
  }

  const server = new grpc.Server();
  const pass = (bytes: Buffer) => bytes;
  server.addService(
    {
      executeAgent: {
        path: '/flotilla.agent.v1.ExecutionService/ExecuteAgent',
        requestStream: false,
        responseStream: false,
        requestSerialize: pass,
        requestDeserialize: pass,
        responseSerialize: pass,
        responseDeserialize: pass,
      },
    },
    {
      executeAgent: (call: grpc.ServerUnaryCall<Buffer, Buffer>, reply: grpc.sendUnaryData<Buffer>) => {
        execute(call.request, call.metadata).then(
          (bytes) => reply(null, Buffer.from(bytes)),
          (problem: unknown) => reply({ code: grpc.status.INTERNAL, details: String(problem) }),
        );
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (problem, bound) =>
      problem === null ? resolve(bound) : reject(problem),
    );
  });
  return { address: `127.0.0.1:${port}` };
}

function toReply(execution: Finished): Uint8Array {
  const { promptTokens, completionTokens } = execution;
  return toBinary(
    ExecutionSchema,
    create(ExecutionSchema, {
      id: execution.id,
      agentId: execution.agentId,
      agentVersion: execution.agentVersion,
      status: ExecutionStatus.COMPLETED,
      prompt: execution.prompt,
      response: execution.response,
      promptTokens,
      completionTokens,
      totalTokens: promptTokens + completionTokens,
      attempts: 1,
      createdBy: execution.createdBy,
      createTime: timestampFromDate(execution.startedAt),
      startTime: timestampFromDate(execution.startedAt),
      completeTime: timestampFromDate(execution.completedAt),
    }),
  );
}

answerCalls({ start });
