import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A wire between the fleet and something it depends on, which can be cut without either end being told. */
export interface Link {
  /** What is behind it. */
  readonly name: string;
  readonly port: number;
  /** Those that bytes still pass. */
  readonly connections: number;
  /** Local ports of those who have sent something and have had no answer to it. */
  readonly asking: ReadonlySet<number>;
  /**
   * Leaves every connection of this moment half-open: it stays established, and nothing passes it any more in either
   * direction, as when a router between the two has forgotten it. Connections made later work. Answers how many were cut.
   */
  cut(): number;
  close(): Promise<void>;
}

interface Pair {
  asks: boolean;
  readonly near: Socket;
  readonly far: Socket;
}

/** Listens on a port of the loopback interface and passes bytes to the port behind it, which may be known later. */
export async function openLink(name: string, portBehind: () => number): Promise<Link> {
  const pairs = new Set<Pair>();
  const halfOpen = new Set<Pair>();
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: portBehind() });
    const pair: Pair = { near, far, asks: false };
    pairs.add(pair);
    const end = () => {
      near.destroy();
      far.destroy();
      pairs.delete(pair);
      halfOpen.delete(pair);
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    near.on('data', () => {
      pair.asks = true;
    });
    far.on('data', () => {
      pair.asks = false;
    });
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    name,
    port: (server.address() as AddressInfo).port,
    get connections() {
      return pairs.size;
    },
    get asking() {
      return new Set([...pairs].flatMap(({ asks, near }) => (asks ? [near.remotePort ?? 0] : [])));
    },
    cut() {
      for (const pair of pairs) {
        const { near, far } = pair;
        halfOpen.add(pair);
        near.unpipe(far);
        far.unpipe(near);
        // Read on and forget, or the kernel would push back on the sender, which is a sign of life.
        near.on('data', () => undefined).resume();
        far.on('data', () => undefined).resume();
      }
      const cut = pairs.size;
      pairs.clear();
      return cut;
    },
    async close() {
      for (const { near, far } of [...pairs, ...halfOpen]) {
        near.destroy();
        far.destroy();
      }
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
