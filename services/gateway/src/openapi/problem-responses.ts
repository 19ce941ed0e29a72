import type { JsonObject } from '@bufbuild/protobuf';

/** The schema of every error (RFC 9457). */
export const problemSchema: JsonObject = {
  type: 'object',
  description: 'What went wrong (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'reason', 'instance', 'traceId'],
  properties: {
    type: { type: 'string', description: 'A name for the kind of problem, from its reason.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'For people.' },
    reason: {
      type: 'string',
      description: 'Stable, for programs; listed in docs/errors.md.',
      examples: ['AGENT_SLUG_TAKEN'],
    },
    instance: { type: 'string', description: 'The path that was asked.' },
    traceId: { type: 'string', description: 'The W3C trace id: what to name when asking about it.' },
    violations: {
      type: 'array',
      items: {
        type: 'object',
        required: ['field', 'reason', 'message'],
        properties: {
          field: { type: 'string', description: 'A JSON pointer, a parameter or a field path.' },
          reason: { type: 'string' },
          message: { type: 'string' },
        },
      },
    },
  },
};

/** The answers that operations refer to. */
export const problemResponses: JsonObject = {
  BadRequest: problem('The request is not as the operation wants it, or the state does not allow it.'),
  Unauthenticated: problem('No credential, or one that is unknown, expired or revoked.'),
  PermissionDenied: problem('The caller may not do this.'),
  NotFound: problem('There is no such resource in the caller’s tenant.'),
  Conflict: problem('Taken already, or changed by somebody else meanwhile.'),
  PreconditionFailed: problem('The resource is no longer in the state that If-Match names.'),
  BodyTooLarge: problem('The body is larger than the limit that the answer names.'),
  UnsupportedMediaType: problem('The body must be application/json.'),
  TooManyRequests: {
    ...problem('Too much for now.'),
    headers: { 'Retry-After': { schema: { type: 'integer' }, description: 'Seconds to wait.' } },
  },
  Problem: problem('Any other problem.'),
};

function problem(description: string): JsonObject {
  return { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } };
}
