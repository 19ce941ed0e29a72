import type { AppError } from '@flotilla/errors';
import { toAppError } from '@flotilla/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import type { Authenticate } from '../credentials/authenticate.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The signed principal of the caller; empty outside of the authenticated scope. */
    principalToken: string;
  }
}

/** What the authentication plugin is made with. */
export interface AuthenticationOptions {
  readonly authenticate: Authenticate;
  /** Hears of every refused credential. */
  readonly denied: (error: AppError, request: FastifyRequest) => void;
}

/** Every route registered in the same scope needs a credential; the body is not read before it is known. */
export const authentication = plugin(
  async (app: FastifyInstance, { authenticate, denied }: AuthenticationOptions) => {
    app.decorateRequest('principalToken', '');
    app.addHook('onRequest', async (request) => {
      try {
        request.principalToken = (await authenticate(request.headers, request.ip)).token;
      } catch (thrown) {
        const error = toAppError(thrown);
        if (error.code === 'unauthenticated') denied(error, request);
        throw error;
      }
    });
  },
  { name: 'authentication', fastify: '5.x', dependencies: ['tracing', 'problems'] },
);
