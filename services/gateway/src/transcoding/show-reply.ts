import { type DescMethod, type JsonObject, type JsonValue, type Message, toJson } from '@bufbuild/protobuf';
import { registry } from '@flotilla/contracts';
import type { RestRoute } from './rest-route.ts';

/** A reply as REST shows it. */
export interface RestReply {
  readonly status: 200 | 201 | 204;
  /** `undefined` for 204. */
  readonly json: JsonValue | undefined;
  readonly etag: string | undefined;
  readonly location: string | undefined;
}

/** Standard ProtoJSON; unset fields without presence are shown with their zero value, so that a shape never varies. */
export function showMessage(method: DescMethod, message: Message): JsonValue {
  return toJson(method.output, message, { registry, alwaysEmitImplicit: true });
}

/** A reply with its status: nothing to say is 204, something new that can be read at its own path is 201. */
export function showReply(route: RestRoute, created: CreatedAt | undefined, message: Message): RestReply {
  if (route.method.output.typeName === 'google.protobuf.Empty') {
    return { status: 204, json: undefined, etag: undefined, location: undefined };
  }
  const json = showMessage(route.method, message);
  const { id, etag } = json as JsonObject;
  return {
    status: created === undefined ? 200 : 201,
    json,
    etag: typeof etag === 'string' && etag !== '' ? etag : undefined,
    location: created !== undefined && typeof id === 'string' && id !== '' ? created(id) : undefined,
  };
}

/** The path of what a POST to a collection has made. */
export type CreatedAt = (id: string) => string;

/** A POST to a collection creates, where an item of the collection can be read. */
export function createdAt(route: RestRoute, routes: readonly RestRoute[]): CreatedAt | undefined {
  const item = `${route.template}/{id}`;
  const readable = routes.some((other) => other.verb === 'GET' && other.template === item);
  return route.verb === 'POST' && readable ? (id) => `${route.template}/${encodeURIComponent(id)}` : undefined;
}
