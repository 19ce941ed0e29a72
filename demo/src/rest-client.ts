import { setTimeout as delay } from 'node:timers/promises';
import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** A JSON object as the gateway sends it. */
export type Json = Record<string, unknown>;

/** A request that the gateway refused; the text is what a person should read. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(request: string, status: number, problem: Json) {
    const violations = Array.isArray(problem['violations']) ? `: ${JSON.stringify(problem['violations'])}` : '';
    super(`${request} answered ${status} ${String(problem['reason'])}: ${String(problem['detail'])}${violations}`);
    this.status = status;
    this.reason = String(problem['reason']);
  }
}

/** Calls the public REST API, as any program outside would. */
export interface RestClient {
  get(path: string): Promise<Json>;
  /** Waits out 503 and broken connections for `patienceMs`: a retry under one idempotency key has one effect. */
  post(path: string, body: Json, idempotencyKey: string): Promise<Json>;
  patch(path: string, body: Json): Promise<Json>;
  /** All items of a list, page by page. */
  list(path: string, field: string): Promise<Json[]>;
  /** Server-sent events from the beginning, resumed after the last one seen when the connection breaks, until `isLast`. */
  follow(path: string, onEvent: (event: Json) => void, isLast: (event: Json) => boolean): Promise<void>;
}

const requestTimeoutMs = 150_000;
const patienceMs = 60_000;

/** A client of the gateway at `baseUrl` that carries `apiKey`. */
export function createRestClient(baseUrl: string, apiKey: string): RestClient {
  const headers = { authorization: `Bearer ${apiKey}` };

  async function once(method: string, path: string, body?: Json, idempotencyKey?: string): Promise<Json> {
    const response = await fetch(new URL(path, baseUrl), {
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    const text = await response.text();
    const answer = (text === '' ? {} : JSON.parse(text)) as Json;
    if (!response.ok) throw new Refusal(`${method} ${path}`, response.status, answer);
    return answer;
  }

  async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
    const giveUpAt = Date.now() + patienceMs;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const passing = !(error instanceof Refusal) || error.status === 503 || error.status === 504;
        if (!passing || Date.now() > giveUpAt) throw error;
        await delay(500);
      }
    }
  }

  const client: RestClient = {
    get: (path) => patiently(() => once('GET', path)),
    post: (path, body, idempotencyKey) => patiently(() => once('POST', path, body, idempotencyKey)),
    patch: (path, body) => patiently(() => once('PATCH', path, body)),
    async list(path, field) {
      const items: Json[] = [];
      for (let pageToken = ''; ; ) {
        const joint = path.includes('?') ? '&' : '?';
        const page = await client.get(
          `${path}${joint}pageSize=200${pageToken && `&pageToken=${encodeURIComponent(pageToken)}`}`,
        );
        items.push(...((page[field] ?? []) as Json[]));
        pageToken = String(page['nextPageToken'] ?? '');
        if (pageToken === '') return items;
      }
    },
    async follow(path, onEvent, isLast) {
      let lastId = '';
      let finished = false;
      await patiently(async () => {
        const response = await fetch(new URL(path, baseUrl), {
          headers: { ...headers, accept: 'text/event-stream', ...(lastId === '' ? {} : { 'last-event-id': lastId }) },
        });
        if (!response.ok || response.body === null) {
          throw new Refusal(`GET ${path}`, response.status, (await response.json().catch(() => ({}))) as Json);
        }
        const parser = createParser({
          onEvent(event: EventSourceMessage) {
            if (event.event === 'end' || event.event === 'error') return;
            lastId = event.id ?? lastId;
            const value = JSON.parse(event.data) as Json;
            onEvent(value);
            finished ||= isLast(value);
          },
        });
        const decoder = new TextDecoder();
        for await (const chunk of response.body) {
          parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
          if (finished) return;
        }
        if (!finished) throw new Error(`the stream ${path} broke off`);
      });
    },
  };
  return client;
}
