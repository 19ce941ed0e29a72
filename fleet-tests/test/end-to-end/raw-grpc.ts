import { type ClientHttp2Session, connect } from 'node:http2';
import type { DescMethod } from '@bufbuild/protobuf';

/** gRPC as bytes, without a client that would add or hold back anything. */
export interface RawGrpc {
  /** Calls with an empty message and exactly these headers; answers the status number. */
  status(method: DescMethod, headers: Readonly<Record<string, string>>): Promise<number>;
  close(): void;
}

/** A message of no bytes: not compressed, length 0. */
const emptyMessage = Buffer.alloc(5);

export function openRawGrpc(address: string): RawGrpc {
  const session: ClientHttp2Session = connect(`http://${address}`);
  session.on('error', () => undefined);
  return {
    status: (method, headers) =>
      new Promise((resolve, reject) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': `/${method.parent.typeName}/${method.name}`,
          'content-type': 'application/grpc',
          te: 'trailers',
          'grpc-timeout': '60S',
          ...headers,
        });
        const take = (received: Record<string, unknown>) => {
          if (received['grpc-status'] !== undefined) resolve(Number(received['grpc-status']));
        };
        stream.setTimeout(60_000, () => stream.close());
        stream.on('response', take).on('trailers', take);
        stream.once('error', reject);
        stream.once('close', () => reject(new Error(`${method.name} ended without a status`)));
        stream.resume();
        stream.end(emptyMessage);
      }),
    close: () => session.destroy(),
  };
}
