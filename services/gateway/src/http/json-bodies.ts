import { AppError } from '@flotilla/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { parseJson } from '../transcoding/parse-json.ts';

/** Reads bodies as strict JSON; every other media type is refused. */
export const jsonBodies = plugin(
  async (app: FastifyInstance) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer' },
      async (request: FastifyRequest, body: Buffer) => {
        const charset = /charset="?([^;"\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
        if (charset !== undefined && charset.toLowerCase() !== 'utf-8') {
          throw new AppError('invalid_argument', 'UNSUPPORTED_MEDIA_TYPE', 'A body must be application/json in UTF-8.');
        }
        return parseJson(body);
      },
    );
  },
  { name: 'json-bodies', fastify: '5.x' },
);
