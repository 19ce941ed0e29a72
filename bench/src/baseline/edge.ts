import { createHash } from 'node:crypto';
import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { ExecuteAgentRequestSchema, ExecutionSchema } from '@flotilla/contracts/agent';
import * as grpc from '@grpc/grpc-js';
import fastify from 'fastify';
import { answerCalls } from '../child.ts';

/** The bare program's edge: REST in, gRPC out. API keys are known by their hash, with the token that stands for each. */
export interface EdgeCalls {
  start(options: EdgeOptions): Promise<{ readonly url: string }>;
}

interface EdgeOptions {
  readonly owner: string;
  readonly apiKey: string;
  readonly token: string;
}

async function start({ owner, apiKey, token }: EdgeOptions): Promise<{ url: string }> {
  const client = new grpc.Client(owner, grpc.credentials.createInsecure());
  const tokens = new Map([[hashOf(apiKey), token]]);
  const server = fastify({ logger: false });

  server.post<{ Params: { id: string }; Body: { prompt: string } }>(
    '/v1/agents/:id([^:/]+)::execute',
    async (request, reply) => {
      const known = tokens.get(hashOf(/^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''));
      if (known === undefined) return reply.code(401).send({ status: 401 });
      const metadata = new grpc.Metadata();
      metadata.set('authorization', `Bearer ${known}`);
      const execution = await new Promise<Uint8Array>((resolve, reject) => {
        client.makeUnaryRequest(
          '/flotilla.agent.v1.ExecutionService/ExecuteAgent',
          (bytes: Buffer) => bytes,
          (bytes: Buffer) => bytes,
          Buffer.from(
            toBinary(
              ExecuteAgentRequestSchema,
              create(ExecuteAgentRequestSchema, { agentId: request.params.id, prompt: request.body.prompt }),
            ),
          ),
          metadata,
          { deadline: Date.now() + 30_000 },
          (problem, bytes) => (bytes === undefined ? reject(problem ?? new Error('no reply')) : resolve(bytes)),
        );
      });
      return toJson(ExecutionSchema, fromBinary(ExecutionSchema, execution));
    },
  );
  return { url: await server.listen({ host: '127.0.0.1', port: 0 }) };
}

function hashOf(apiKey: string): string {
  return createHash('sha256').update(apiKey).digest('hex');
}

answerCalls({ start });
