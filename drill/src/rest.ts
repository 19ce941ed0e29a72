import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

// biome-ignore lint/suspicious/noExplicitAny: whatever shape the route has.
type Body = any;

/** A client of the fleet's REST API that does not give up while servers come and go. */
export interface Rest {
  /** Answers that no fault of a fleet excuses: those of 500, and those without a documented reason. */
  readonly faulty: readonly string[];
  /**
   * Asks until there is an answer, always under the same idempotency key.
   * @throws Refused when the fleet refuses, or says nothing for three minutes
   */
  ask(method: string, path: string, body?: unknown): Promise<Body>;
}

/** A request that was not granted. */
export class Refused extends Error {
  readonly reason: string;

  constructor(request: string, { status, body }: { readonly status: number; readonly body: Body }) {
    super(`${request}: ${status} ${JSON.stringify(body)}`);
    this.reason = body?.reason ?? '';
  }
}

/**
 * The reasons (`docs/errors.md`) for which a caller is to come back with the same key, by the statuses that they come with. The
 * one 409 is about a request of ours that is still running: its connection was lost.
 */
const passing: Readonly<Record<number, readonly string[]>> = {
  409: ['IDEMPOTENCY_KEY_IN_USE'],
  429: ['OVERLOADED', 'EXECUTIONS_BUSY'],
  503: [
    'DATABASE_BUSY',
    'DATABASE_UNAVAILABLE',
    'REDIS_UNAVAILABLE',
    'SERVICE_UNAVAILABLE',
    'SHUTTING_DOWN',
    'SIGNING_KEYS_UNAVAILABLE',
  ],
  504: ['DATABASE_TIMEOUT', 'DEADLINE_EXCEEDED', 'REDIS_TIMEOUT'],
};
const patienceMs = 180_000;

export function createRest(url: string, apiKey: string): Rest {
  const faulty: string[] = [];
  return {
    faulty,
    async ask(method, path, body) {
      const idempotencyKey = randomUUID();
      const giveUpAt = Date.now() + patienceMs;
      for (;;) {
        const answer = await once(new URL(path, url), method, body, { apiKey, idempotencyKey });
        if (answer !== undefined && answer.status < 300) return answer.body;
        const comesBack = answer === undefined || passing[answer.status]?.includes(answer.body?.reason) === true;
        if (!comesBack && (answer.status >= 500 || answer.status === 409 || answer.status === 429)) {
          faulty.push(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
        } else if (!comesBack) {
          throw new Refused(`${method} ${path}`, answer);
        }
        if (Date.now() > giveUpAt) throw new Refused(`${method} ${path}`, answer ?? { status: 0, body: 'no answer' });
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
