import { eventually } from '@flotilla/testing';
import { expect } from 'vitest';

const inspector = 'http://127.0.0.1:9229/json/list';

/** Has a Node process give back what it does not hold any more, so that its memory says what it holds. */
export async function collectGarbage(pid: number): Promise<void> {
  process.kill(pid, 'SIGUSR1');
  const address = await eventually(async () => {
    const targets = (await (await fetch(inspector)).json()) as { webSocketDebuggerUrl: string }[];
    return targets[0]?.webSocketDebuggerUrl ?? '';
  });
  const socket = new WebSocket(address);
  const answers = new Map<number, () => void>();
  socket.addEventListener('message', ({ data }) => answers.get((JSON.parse(String(data)) as { id: number }).id)?.());
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
  const ask = (id: number, method: string, params: object = {}) =>
    new Promise<void>((resolve) => {
      answers.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
  await ask(1, 'HeapProfiler.collectGarbage');
  // The next process that is asked wants the same port.
  const expression = "setTimeout(() => process.getBuiltinModule('node:inspector').close(), 50)";
  await ask(2, 'Runtime.evaluate', { expression });
  socket.close();
  await eventually(() => expect(fetch(inspector)).rejects.toThrow());
}
