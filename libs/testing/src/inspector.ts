import { eventually } from './eventually.ts';

/** One question to the inspector of a process, by its protocol. */
export type AskInspector = (method: string, params?: Readonly<Record<string, unknown>>) => Promise<unknown>;

const targetsUrl = 'http://127.0.0.1:9229/json/list';

/**
 * Opens the inspector of a running Node process for as long as the work goes on. One process at a time: all open the same
 * port.
 *
 * @throws Error when it does not open within 10 s, or refuses a question
 * @example
 * await inspecting(pid, (ask) => ask('HeapProfiler.collectGarbage'));
 */
export async function inspecting<T>(pid: number, work: (ask: AskInspector) => Promise<T>): Promise<T> {
  process.kill(pid, 'SIGUSR1');
  const socket = await open(await eventually(debuggerUrl));
  const ask = questions(socket);
  try {
    return await work(ask);
  } finally {
    // A little later, so that this still gets its answer.
    const expression = "setTimeout(() => process.getBuiltinModule('node:inspector').close(), 50)";
    await ask('Runtime.evaluate', { expression }).catch(() => undefined);
    socket.close();
    await eventually(() =>
      fetch(targetsUrl).then(
        () => false,
        () => true,
      ),
    );
  }
}

async function debuggerUrl(): Promise<string> {
  const answer = await fetch(targetsUrl, { signal: AbortSignal.timeout(2_000) });
  const [target] = (await answer.json()) as { webSocketDebuggerUrl: string }[];
  if (target === undefined) throw new Error('the inspector of the process is not open');
  return target.webSocketDebuggerUrl;
}

async function open(address: string): Promise<WebSocket> {
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', () => reject(new Error('the inspector does not take connections')), {
      once: true,
    });
  });
  return socket;
}

function questions(socket: WebSocket): AskInspector {
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  socket.addEventListener('message', ({ data }) => {
    const { id = 0, result, error } = JSON.parse(String(data)) as Answer;
    if (error === undefined) waiting.get(id)?.resolve(result);
    else waiting.get(id)?.reject(new Error(`the inspector refuses: ${error.message}`));
    waiting.delete(id);
  });
  socket.addEventListener('close', () => {
    for (const { reject } of waiting.values()) reject(new Error('the inspector was closed'));
  });
  let lastId = 0;
  return (method, params = {}) =>
    new Promise((resolve, reject) => {
      lastId += 1;
      waiting.set(lastId, { resolve, reject });
      socket.send(JSON.stringify({ id: lastId, method, params }));
    });
}

/** What comes from the inspector; events have no id. */
interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}
