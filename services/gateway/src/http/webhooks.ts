import { create } from '@bufbuild/protobuf';
import { DeliverWebhookRequestSchema, type DeliverWebhookResponse, TriggerService } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { withCausation } from '@flotilla/grpc';
import { withTraceparent } from '@flotilla/observability';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { MethodCaller } from './call-method.ts';

const template = '/v1/hooks/{path}';
const rpc = TriggerService.method.deliverWebhook;
const maxBodyBytes = 262_144;

/**
 * Takes signed webhooks for triggers: `POST /v1/hooks/{path}` with the headers of Standard Webhooks. The signature is over
 * the bytes as they came, so the body is handed on unread; whoever owns the secret checks it.
 */
export async function webhooks(
  scope: FastifyInstance,
  { caller, deadlineMs }: { readonly caller: MethodCaller; readonly deadlineMs: number },
): Promise<void> {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) => body);
  scope.route<{ Params: { path: string }; Body: Buffer | undefined }>({
    method: 'POST',
    url: '/v1/hooks/:path',
    bodyLimit: maxBodyBytes,
    config: { template, rpc },
    async handler(request, reply) {
      const message = create(DeliverWebhookRequestSchema, {
        path: request.params.path,
        webhookId: headerOf(request, 'webhook-id'),
        webhookTimestamp: headerOf(request, 'webhook-timestamp'),
        webhookSignature: headerOf(request, 'webhook-signature'),
        body: request.body ?? new Uint8Array(),
      });
      const answer = await withTraceparent(request.traceparent, `POST ${template}`, () =>
        withCausation(request.causationDepth, () => caller.unary(rpc, message, { deadlineMs })),
      );
      const { firingId } = answer as DeliverWebhookResponse;
      return reply.code(202).header('cache-control', 'no-store').send({ firingId });
    },
  });
}

function headerOf(request: FastifyRequest, name: string): string {
  const value = request.headers[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new AppError('unauthenticated', 'WEBHOOK_UNSIGNED', `The header ${name} is missing.`);
}
