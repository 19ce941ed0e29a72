import { create, type DescMethod, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { AppError } from '@flotilla/errors';
import type { Logger, Metrics } from '@flotilla/observability';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import type { Call, PrincipalVerifier } from './call.ts';
import { type CallRunner, type RunningCall, runCall } from './call-runner.ts';
import { createHealth, type Health } from './health.ts';
import type { RegisteredService } from './implementation.ts';
import { createOutcomeReporter, type Denial } from './outcome.ts';
import { toServiceError } from './status-details.ts';
import { writeStream } from './stream-writer.ts';

/** What a server is made with. Times in milliseconds. */
export interface GrpcServerOptions {
  readonly services: readonly RegisteredService[];
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly verify: PrincipalVerifier;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Hears of every refusal because of who called; must not throw nor block. */
  readonly record?: (denial: Denial) => void;
  /** For unary calls that come without a deadline; 10 s unless said. */
  readonly defaultDeadlineMs?: number;
  /** A stream on which nothing moves ends after this; 5 minutes unless said. */
  readonly streamIdleMs?: number;
  /** The largest request; 1 MiB unless said. */
  readonly maxMessageBytes?: number;
  /** Calls above this are refused with `resource_exhausted`; 1,000 unless said. */
  readonly maxConcurrentCalls?: number;
}

/** A server that has not started until {@link start}. */
export interface GrpcServer {
  readonly health: Health;
  /** Starts to listen. */
  start(): Promise<{ readonly port: number }>;
  /**
   * Stops listening, ends streams that only follow something, waits up to `graceMs` for the calls that run, aborts the
   * rest with `unavailable` SHUTTING_DOWN. Does nothing the second time.
   */
  drain(graceMs: number): Promise<void>;
}

const bytesAsTheyAre = (bytes: Buffer): Buffer => bytes;
const dayMs = 86_400_000;

/** Creates a gRPC server that enforces the contract's options before any handler runs. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { services, host, port, verify, log, metrics, record, maxMessageBytes = 2 ** 20 } = options;
  const running = new Set<RunningCall>();
  const runner: CallRunner = {
    verify,
    log,
    reporter: createOutcomeReporter(log, metrics, record),
    defaultDeadlineMs: options.defaultDeadlineMs ?? 10_000,
    maxStreamMs: dayMs,
    maxMessageBytes,
    maxConcurrentCalls: options.maxConcurrentCalls ?? 1_000,
    running,
  };
  metrics.gauge('grpc_server_running_calls', 'Calls being answered.', [], (gauge) => gauge.set(running.size));

  const server = new Server({
    // Above our own limit, so that most of what is too large still gets an answer that says the limit.
    'grpc.max_receive_message_length': maxMessageBytes * 2,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
  for (const { service, methods } of services) {
    const handlers: [DescMethod, UntypedHandleCall][] = service.methods.map((method) => [
      method,
      method.methodKind === 'unary'
        ? unaryHandler(runner, method, methods[method.localName] as Unary)
        : streamHandler(runner, method, methods[method.localName] as Streaming, options.streamIdleMs ?? 300_000),
    ]);
    register(server, service.typeName, handlers);
  }
  const health = createHealth(services.map(({ service }) => service.typeName));
  server.addService(health.definition, health.handlers);

  let draining: Promise<void> | undefined;
  return {
    health,
    start: () =>
      new Promise((resolve, reject) => {
        server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (cause, bound) => {
          if (cause !== null) {
            reject(new AppError('unavailable', 'CANNOT_LISTEN', `Cannot listen on ${host}:${port}.`, { cause }));
            return;
          }
          health.set(true);
          resolve({ port: bound });
        });
      }),
    drain(graceMs) {
      draining ??= drain(server, health, running, graceMs);
      return draining;
    },
  };
}

type Unary = (request: MessageShape<DescMethod['input']>, call: Call) => Promise<Record<string, unknown>>;
type Streaming = (request: MessageShape<DescMethod['input']>, call: Call) => AsyncIterable<unknown>;

function register(server: Server, serviceName: string, handlers: readonly [DescMethod, UntypedHandleCall][]): void {
  const definition = handlers.map(([method]) => [
    method.localName,
    {
      path: `/${serviceName}/${method.name}`,
      requestStream: false,
      responseStream: method.methodKind === 'server_streaming',
      requestSerialize: bytesAsTheyAre,
      requestDeserialize: bytesAsTheyAre,
      responseSerialize: bytesAsTheyAre,
      responseDeserialize: bytesAsTheyAre,
    },
  ]);
  server.addService(
    Object.fromEntries(definition),
    Object.fromEntries(handlers.map(([method, handler]) => [method.localName, handler])),
  );
}

function unaryHandler(runner: CallRunner, method: DescMethod, implementation: Unary): handleUnaryCall<Buffer, Buffer> {
  return (surface, respond) => {
    let reply: Uint8Array = new Uint8Array();
    void runCall(runner, method, surface, async (request, call) => {
      reply = toBinary(method.output, create(method.output, await implementation(request, call)));
    }).then((error) => {
      if (error !== undefined) respond(toServiceError(error));
      else respond(null, Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength));
    });
  };
}

function streamHandler(
  runner: CallRunner,
  method: DescMethod,
  implementation: Streaming,
  idleMs: number,
): handleServerStreamingCall<Buffer, Buffer> {
  return (stream) => {
    void runCall(runner, method, stream, (request, call) =>
      writeStream(method, implementation(request, call), stream, call.signal, idleMs),
    ).then((error) => {
      if (error === undefined) stream.end();
      else stream.emit('error', toServiceError(error));
    });
  };
}

async function drain(server: Server, health: Health, running: Set<RunningCall>, graceMs: number): Promise<void> {
  const goingDown = new AppError('unavailable', 'SHUTTING_DOWN', 'The service is going down.', { retryAfterMs: 500 });
  health.set(false);
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  for (const call of running) if (call.watches) call.abort(goingDown);
  const abortRest = setTimeout(() => {
    for (const call of running) call.abort(goingDown);
  }, graceMs);
  // What was aborted still gets its answer out; a peer that does not read it is cut off.
  const cutOff = setTimeout(() => server.forceShutdown(), graceMs + 500);
  await closed;
  clearTimeout(abortRest);
  clearTimeout(cutOff);
}
