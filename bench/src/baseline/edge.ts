import { timingSafeEqual } from 'node:crypto';
import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { ExecuteAgentRequestSchema, ExecutionSchema } from '@flotilla/contracts/agent';
import * as grpc from '@grpc/grpc-js';
import fastify from 'fastify';
import { answerCalls } from '../child.ts';

/** The bare program's edge: REST in, gRPC out, one token that is compared. */
export interface EdgeCalls {
  start(options: { readonly owner: string; readonly token: string }): Promise<{ readonly url: string }>;
}

async function start({ owner, token }: { owner: string; token: string }): Promise<{ url: string }> {
  const client = new grpc.Client(owner, grpc.credentials.createInsecure());
  const expected = Buffer.from(`Bearer ${token}`);
  const server = fastify({ logger: false });

  server.post<{ Params: { id: string }; Body: { prompt: string } }>(
    '/v1/agents/:id([^:/]+)::execute',
    async (request, reply) => {
      const given = Buffer.from(request.headers.authorization ?? '');
      if (given.length !== expected.length || !timingSafeEqual(given, expected))
        return reply.code(401).send({ status: 401 });
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
          { deadline: Date.now() + 30_000 },
          (problem, bytes) => (bytes === undefined ? reject(problem ?? new Error('no reply')) : resolve(bytes)),
        );
      });
      return toJson(ExecutionSchema, fromBinary(ExecutionSchema, execution));
    },
  );
  return { url: await server.listen({ host: '127.0.0.1', port: 0 }) };
}

answerCalls({ start });
