import type { JsonObject } from '@bufbuild/protobuf';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';

/** The page's own scripts and styles only. No upgrade to HTTPS: the fleet may be looked at over plain HTTP. */
const pagePolicy = [
  "default-src 'none'",
  "connect-src 'self'",
  "font-src 'self'",
  "img-src 'self' data:",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

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
      staticCSP: pagePolicy,
      // The bar at the top shows another project's name, and asks for documents from anywhere.
      theme: {
        title: 'Flotilla',
        css: [{ filename: 'flotilla.css', content: '.swagger-ui .topbar { display: none }' }],
      },
      uiConfig: { docExpansion: 'list', persistAuthorization: false, tryItOutEnabled: true },
    });
  },
  { name: 'documentation', fastify: '5.x' },
);
