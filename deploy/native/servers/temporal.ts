import { connect } from 'node:http2';
import type { ServerDefinition } from '../server-definition.ts';

export const temporal: ServerDefinition = {
  kind: 'temporal',
  part: 'temporal',
  stopSignal: 'SIGTERM',
  url: ({ port }) => `127.0.0.1:${port}`,

  prepare: () => Promise.resolve(),

  argv: ({ port, settings }) => [
    ...[
      '/part/temporal',
      'server',
      'start-dev',
      '--ip',
      '127.0.0.1',
      '--port',
      String(port),
      '--headless',
      '--log-level',
      'warn',
    ],
    ...['--disable-config-file', '--disable-config-env'],
    // Without these two the server writes the disk for every step: a quarter of the speed.
    ...[
      '--db-filename',
      '/state/temporal.db',
      '--sqlite-pragma',
      'journal_mode=WAL',
      '--sqlite-pragma',
      'synchronous=NORMAL',
    ],
    // Runs of tenants take turns where more tasks wait than workers take.
    ...['--dynamic-config-value', 'matching.enableFairness=true'],
    ...Object.entries(settings).flatMap(([name, value]) => ['--dynamic-config-value', `${name}=${value}`]),
  ],

  /** The port opens before the default namespace exists: asks for the namespace. */
  isReady: ({ port }) => describesDefaultNamespace(port, 2_000),
};

function describesDefaultNamespace(port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`);
    const fail = (problem: Error) => {
      session.destroy();
      reject(problem);
    };
    session.setTimeout(timeoutMs, () => fail(new Error(`Temporal did not answer within ${timeoutMs} ms`)));
    session.once('error', fail);
    const call = session.request({
      ':method': 'POST',
      ':path': '/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    call.once('error', fail);
    let status: unknown;
    call.once('response', (headers) => {
      status = headers['grpc-status'];
    });
    call.once('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    call.once('close', () => {
      session.close();
      resolve(status === '0');
    });
    call.resume();
    const name = Buffer.from('default');
    const message = Buffer.concat([Buffer.from([0x0a, name.length]), name]);
    call.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
  });
}
