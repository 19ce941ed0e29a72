import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

// biome-ignore lint/suspicious/noExplicitAny: whatever shape the route has.
type Body = any;

/** A client of the fleet's REST API that does not give up while servers come and go. */
export interface Rest {
  /**
   * Asks until there is an answer, always under the same idempotency key.
   * @throws Error when the fleet refuses, or says nothing for three minutes
   */
  ask(method: string, path: string, body?: unknown): Promise<Body>;
}

/** What is no answer: the same request may be repeated. */
const passing = new Set([409, 429, 500, 502, 503, 504]);
const patienceMs = 180_000;

export function createRest(url: string, apiKey: string): Rest {
  return {
    async ask(method, path, body) {
      const idempotencyKey = randomUUID();
      const giveUpAt = Date.now() + patienceMs;
      for (;;) {
        const answer = await once(new URL(path, url), method, body, { apiKey, idempotencyKey });
        if (answer !== undefined && answer.status < 300) return answer.body;
        const refused = answer !== undefined && !passing.has(answer.status);
        if (refused || Date.now() > giveUpAt) {
          throw new Error(`${method} ${path}: ${answer?.status ?? 'no answer'} ${JSON.stringify(answer?.body)}`);
        }
        await delay(200);
      }
    },
  };
}

/** Undefined where the connection broke: nobody knows what became of the request. */
async function once(
  url: URL,
  method: string,
  body: unknown,
  { apiKey, idempotencyKey }: { readonly apiKey: string; readonly idempotencyKey: string },
): Promise<{ status: number; body: Body } | undefined> {
  try {
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(method === 'POST' ? { 'idempotency-key': idempotencyKey } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  } catch (error) {
    if (error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError'))
      return undefined;
    throw error;
  }
}
