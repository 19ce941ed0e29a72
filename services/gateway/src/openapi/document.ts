import type { DescService, FileRegistry, JsonObject } from '@bufbuild/protobuf';
import { commentOf } from '@flotilla/contracts/image';
import { type RestRoute, restRoutes } from '../transcoding/rest-route.ts';
import { operationOf, tagOf } from './operations.ts';
import { problemResponses, problemSchema } from './problem-responses.ts';
import { createSchemaRegistry } from './schemas.ts';

const introduction = `Everything that Flotilla does, as REST.

- **Names** are lowerCamel; enum values are shown in full (\`AGENT_STATUS_ACTIVE\`) and may be sent short (\`active\`). Whole numbers of 64 bits are shown as texts.
- **Lists** answer \`nextPageToken\`; send it back as \`pageToken\`. An empty token means the end.
- **Changes**: send the \`ETag\` you have seen as \`If-Match\` to change only that state (412 otherwise).
- **Retries**: send an \`Idempotency-Key\` with a POST; the same key and request have one effect and one answer. A write is not cancelled when its client goes away.
- **Errors** are \`application/problem+json\` with a stable \`reason\`.`;

/** OpenAPI 3.1 of the whole contract, made from descriptors that keep their comments. */
export function openApiDocument(contract: FileRegistry, version: string): JsonObject {
  const services = [...contract.files]
    .filter((file) => file.proto.package.startsWith('flotilla.'))
    .flatMap((file): readonly DescService[] => file.services)
    .sort((a, b) => a.typeName.localeCompare(b.typeName));
  const routes = restRoutes(services);
  const schemas = createSchemaRegistry();
  const paths = pathsOf(routes, (route) => operationOf(route, routes, schemas));
  return {
    openapi: '3.1.0',
    info: { title: 'Flotilla', version, description: introduction },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: services
      .filter((service) => routes.some((route) => route.method.parent === service))
      .map((service) => ({ name: service.name.replace(/Service$/, ''), description: commentOf(service) })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A session token or an API key.' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
      parameters,
      responses: problemResponses,
      schemas: { ...schemas.components, Problem: problemSchema },
    },
  };
}

function pathsOf(routes: readonly RestRoute[], operation: (route: RestRoute) => JsonObject): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const route of routes.toSorted((a, b) => order(a).localeCompare(order(b)))) {
    const path = jsonPath(route);
    paths[path] = { ...paths[path], [route.verb.toLowerCase()]: operation(route) };
  }
  return paths;
}

/** The path with its parameters named as JSON names them, like everything else in the document. */
function jsonPath(route: RestRoute): string {
  return route.pathFields.reduce(
    (path, field) => path.replace(`{${field.name}}`, `{${field.jsonName}}`),
    route.template,
  );
}

function order(route: RestRoute): string {
  return `${tagOf(route)} ${route.template} ${route.verb}`;
}

const parameters: JsonObject = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'The same key and request have one effect and one answer; the same key with another request is refused.',
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    description: 'Changes only the state that has this ETag; another answers 412.',
    schema: { type: 'string', pattern: '^(\\*|"[!#-~]{1,32}")$' },
  },
  LastEventId: {
    name: 'Last-Event-ID',
    in: 'header',
    description: 'The id of the last event received; the stream goes on after it.',
    schema: { type: 'string', pattern: '^[0-9]{1,18}$' },
  },
};
