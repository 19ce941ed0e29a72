import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const inspectorUrl = 'http://127.0.0.1:9229/json/list';
const timeoutMs = 10_000;

/** Where a running Node process spends its time while `work` goes on: shares of its busy time by package, library or service. */
export async function hotSpots(
  pid: number,
  work: () => Promise<void>,
): Promise<{ readonly rows: (readonly [string, number])[] }> {
  process.kill(pid, 'SIGUSR1');
  const session = await inspect();
  try {
    await session.send('Profiler.enable');
    await session.send('Profiler.start');
    await work();
    const { profile } = (await session.send('Profiler.stop')) as { profile: Profile };
    return { rows: shares(profile) };
  } finally {
    // The next process wants the same port.
    await session
      .send('Runtime.evaluate', {
        expression: "setTimeout(() => process.getBuiltinModule('node:inspector').close(), 50)",
      })
      .catch(() => undefined);
    session.close();
    await delay(300);
  }
}

function shares({ nodes, samples, timeDeltas }: Profile): (readonly [string, number])[] {
  const placeOf = createPlaces();
  const places = new Map(nodes.map((node) => [node.id, placeOf(node)]));
  const spent = new Map<string, number>();
  samples.forEach((id, index) => {
    const place = places.get(id) ?? '(unknown)';
    if (place !== '(idle)') spent.set(place, (spent.get(place) ?? 0) + (timeDeltas[index] ?? 0));
  });
  const total = [...spent.values()].reduce((sum, time) => sum + time, 0);
  return [...spent]
    .map(([place, time]) => [place, (100 * time) / total] as const)
    .filter(([, share]) => share >= 1)
    .sort(([, one], [, other]) => other - one)
    .slice(0, 25);
}

/** Names the package, library or service that a function of a bundle came from, by the bundle's source map. */
function createPlaces(): (node: ProfileNode) => string {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (file: string): SourceMap | undefined => {
    if (!maps.has(file)) {
      const map = `${file}.map`;
      maps.set(file, existsSync(map) ? new SourceMap(JSON.parse(readFileSync(map, 'utf8'))) : undefined);
    }
    return maps.get(file);
  };
  return ({ callFrame: { functionName, url, lineNumber, columnNumber } }) => {
    if (url === '') return functionName.startsWith('(') ? functionName : `native ${functionName}`;
    if (url.startsWith('node:')) return 'Node.js';
    const file = url.startsWith('file:') ? fileURLToPath(url) : url;
    const entry = mapOf(file)?.findEntry(lineNumber, columnNumber);
    return packageOf(entry !== undefined && 'originalSource' in entry ? entry.originalSource : file);
  };
}

function packageOf(path: string): string {
  const installed = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
  return installed ?? /((?:libs|services)\/[^/]+|src)\//.exec(path)?.[1] ?? path;
}

interface Session {
  send(method: string, params?: Record<string, unknown>): Promise<unknown>;
  close(): void;
}

async function inspect(): Promise<Session> {
  const deadline = Date.now() + timeoutMs;
  let address: string | undefined;
  while (address === undefined) {
    if (Date.now() > deadline) throw new Error('the inspector of the process does not answer');
    const targets = await fetch(inspectorUrl, { signal: AbortSignal.timeout(2_000) }).then(
      (answer) => answer.json() as Promise<{ webSocketDebuggerUrl: string }[]>,
      () => [],
    );
    address = targets[0]?.webSocketDebuggerUrl;
    if (address === undefined) await delay(50);
  }
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', reject, { once: true });
  });
  const waiting = new Map<number, (result: unknown) => void>();
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
    if (id === undefined) return;
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  let lastId = 0;
  return {
    send(method, params = {}) {
      lastId += 1;
      const id = lastId;
      const answer = new Promise<unknown>((resolve) => waiting.set(id, resolve));
      socket.send(JSON.stringify({ id, method, params }));
      return answer;
    },
    close: () => socket.close(),
  };
}
