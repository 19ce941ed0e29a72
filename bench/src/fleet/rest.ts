import { Client, type Dispatcher } from 'undici';

/** A JSON object as the gateway sends it. */
export type Json = Record<string, unknown>;

const timeoutMs = 60_000;

/** Connections to one HTTP server, one for each caller, kept open. */
export interface Callers {
  /** Asks on the connection of this caller. @throws Error when the status is not 200 */
  post(caller: number, path: string, body: string): Promise<string>;
  get(caller: number, path: string): Promise<string>;
  /** Reads an event stream to its end. */
  stream(caller: number, path: string): Promise<string>;
  close(): Promise<void>;
}

export function openCallers(url: string, concurrency: number, headers: Readonly<Record<string, string>>): Callers {
  const clients = Array.from(
    { length: concurrency },
    () => new Client(url, { pipelining: 1, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }),
  );
  const clientOf = (caller: number): Client => {
    const client = clients[caller];
    if (client === undefined) throw new Error(`There is no caller ${caller}.`);
    return client;
  };
  const textOf = async (path: string, { statusCode, body }: Dispatcher.ResponseData): Promise<string> => {
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}: ${text.slice(0, 300)}`);
    return text;
  };
  const sent = { ...headers, 'content-type': 'application/json' };
  const read = async (caller: number, path: string, head: Readonly<Record<string, string>>) =>
    textOf(path, await clientOf(caller).request({ method: 'GET', path, headers: head }));
  const streamed = { ...headers, accept: 'text/event-stream' };
  return {
    post: async (caller, path, body) =>
      textOf(path, await clientOf(caller).request({ method: 'POST', path, body, headers: sent })),
    get: (caller, path) => read(caller, path, headers),
    stream: (caller, path) => read(caller, path, streamed),
    async close() {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

/** One request to the public REST API, for setting up. */
export async function request(
  { url, apiKey }: { readonly url: string; readonly apiKey: string },
  method: string,
  path: string,
  body?: Json,
): Promise<Json> {
  const response = await fetch(new URL(path, url), {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
  return (text === '' ? {} : JSON.parse(text)) as Json;
}
