import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { CallOptions, Fleet } from './fleet.ts';

/** One server-sent event. */
export interface StreamEvent {
  readonly id: string;
  /** `message`, `end` or `error`. */
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever shape the stream has.
  readonly data: any;
}

/** Reads an event stream as it comes; leaving the loop closes the connection. */
export async function* readStream(
  fleet: Fleet,
  method: string,
  path: string,
  { key, body, headers = {}, replica = 1 }: CallOptions,
): AsyncGenerator<StreamEvent> {
  const abort = new AbortController();
  const response = await fetch(`${fleet.urlOf(replica)}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      accept: 'text/event-stream',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.any([abort.signal, AbortSignal.timeout(180_000)]),
  });
  if (!response.ok || response.body === null) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  try {
    const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    for await (const { id = '', event = 'message', data } of events) yield { id, event, data: JSON.parse(data) };
  } finally {
    abort.abort();
  }
}
