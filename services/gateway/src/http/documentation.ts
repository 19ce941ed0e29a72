import type { JsonObject } from '@bufbuild/protobuf';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';

/** Serves the OpenAPI document at /openapi.json and a page to read and try it at /docs. */
export const documentation = plugin(
  async (app: FastifyInstance, { document }: { readonly document: JsonObject }) => {
    await app.register(swagger, { mode: 'static', specification: { document: document as never } });
    const text = JSON.stringify(app.swagger());
    app.get('/openapi.json', async (_request, reply) =>
      reply.type('application/json; charset=utf-8').header('cache-control', 'public, max-age=300').send(text),
    );
    await app.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: true,
      uiConfig: { docExpansion: 'list', persistAuthorization: false, tryItOutEnabled: true },
    });
  },
  { name: 'documentation', fastify: '5.x' },
);
