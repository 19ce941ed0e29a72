import { checkTarget } from '@flotilla/outbound';
import { Agent, type Dispatcher, fetch as fetchWith } from 'undici';

/** `fetch` for addresses that tenants name, and the connections behind it. */
export interface OutboundFetch {
  readonly fetch: typeof fetch;
  /** The connections by which an address may be called. Throws where it may not. */
  readonly dispatcherFor: (url: URL) => Dispatcher;
  close(): Promise<void>;
}

/**
 * Calls the public internet, and inside the operator's networks what is allowed by name (`host:port`). The address is
 * checked at each call, and a name by what it resolves to when the connection is made.
 */
export function createOutboundFetch(allowedHosts: ReadonlySet<string>): OutboundFetch {
  const plain = new Agent();
  let guarded: Agent | undefined;

  function dispatcherFor(url: URL): Dispatcher {
    const { lookup } = checkTarget(url, allowedHosts);
    if (lookup === undefined) return plain;
    guarded ??= new Agent({ connect: { lookup } });
    return guarded;
  }

  async function send(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
    const url = new URL(input instanceof Request ? input.url : input);
    const dispatcher = dispatcherFor(url);
    // The two fetches are one implementation of one standard; their types differ in names only.
    const options = { ...init, dispatcher } as unknown as Parameters<typeof fetchWith>[1];
    return (await fetchWith(url, options)) as unknown as Response;
  }

  return {
    fetch: send,
    dispatcherFor,
    async close() {
      await Promise.all([plain.destroy(), guarded?.destroy()]);
    },
  };
}
