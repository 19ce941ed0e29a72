import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A broker as its clients see it when it does not lead yet what its metadata says that it leads. */
export interface LateLeader {
  readonly address: string;
  /** When it was asked for the offsets of a topic and refused, by performance.now(). */
  readonly refusedAt: readonly number[];
  /** From now on it leads. */
  lead(): void;
  close(): void;
}

const listOffsets = 2;
const metadata = 3;
const findCoordinator = 10;
const notLeader = 6;

/** Stands before a real broker, and refuses to say the offsets of its topics until it is told to lead. */
export async function lateLeader(broker: string): Promise<LateLeader> {
  const [host = '', port] = broker.split(':');
  const refusedAt: number[] = [];
  const sockets = new Set<Socket>();
  let leads = false;

  const server = createServer((client) => {
    const far = connect(Number(port), host);
    const asked = new Map<number, { api: number; version: number }>();
    eachFrame(client, (frame) => {
      asked.set(frame.readInt32BE(8), { api: frame.readInt16BE(4), version: frame.readInt16BE(6) });
      far.write(frame);
    });
    eachFrame(far, (frame) => {
      const { api, version } = asked.get(frame.readInt32BE(4)) ?? { api: -1, version: 0 };
      if (api === metadata || api === findCoordinator) replacePort(frame, host, Number(port), own());
      if (api === listOffsets && !leads) {
        refusedAt.push(performance.now());
        refuse(frame, version);
      }
      client.write(frame);
    });
    for (const socket of [client, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        far.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  const own = () => (server.address() as AddressInfo).port;
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${own()}`,
    refusedAt,
    lead() {
      leads = true;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Kafka's messages begin with their length. */
function eachFrame(socket: Socket, take: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      take(Buffer.from(rest.subarray(0, end)));
      rest = rest.subarray(end);
    }
  });
}

/** Brokers are named by host and port, one after the other. */
function replacePort(frame: Buffer, host: string, port: number, by: number): void {
  for (let at = frame.indexOf(host); at >= 0; at = frame.indexOf(host, at + 1)) {
    const portAt = at + host.length;
    if (frame.readInt32BE(portAt) === port) frame.writeInt32BE(by, portAt);
  }
}

/** Length, correlation id, throttle time since version 2; topics: name, partitions: number, error, time and offset. */
function refuse(frame: Buffer, version: number): void {
  let at = version >= 2 ? 12 : 8;
  const int32 = () => {
    at += 4;
    return frame.readInt32BE(at - 4);
  };
  for (let topics = int32(); topics > 0; topics -= 1) {
    at += 2 + frame.readInt16BE(at);
    for (let partitions = int32(); partitions > 0; partitions -= 1) {
      frame.writeInt16BE(notLeader, at + 4);
      at += 4 + 2 + 8 + 8 + (version >= 4 ? 4 : 0);
    }
  }
}
