import {
  create,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { methodRules } from '@flotilla/contracts';
import { AppError } from '@flotilla/errors';
import { currentTraceparent, type Metrics, newTraceparent } from '@flotilla/observability';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { causationEntry, currentCausation } from './causation.ts';
import { channelOptions } from './channel-options.ts';
import { remainingMs } from './deadline.ts';
import { fromServiceError } from './status-details.ts';

/** What a single call may say. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Shrinks by itself inside a call that is being served. */
  readonly deadlineMs?: number | undefined;
  /** Instead of the client's own. */
  readonly token?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Instead of the running trace. */
  readonly traceparent?: string | undefined;
}

type ClientMethod<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : never;

/** A function for each method of the service. Failures come as `AppError`, with the code, reason and violations that the server gave. */
export type GrpcClient<S extends DescService> = {
  readonly [M in keyof S['method']]: ClientMethod<S['method'][M]>;
} & { close(): void };

/** What a client is made with. */
export interface GrpcClientOptions {
  /** `host:port`, or several: `ipv4:10.0.0.1:7400,10.0.0.2:7400`. */
  readonly address: string;
  /** The bearer token for every call that names none; asked for each call, so let it cache. */
  readonly token?: (() => Promise<string> | string) | undefined;
  /** For unary calls; 10 s unless said. Streams have no total deadline unless a call asks for one. */
  readonly deadlineMs?: number;
  readonly metrics?: Metrics | undefined;
  /** The largest reply; 8 MiB unless said. */
  readonly maxMessageBytes?: number;
}

/**
 * Creates a client of a service. Calls are spread over all addresses; reads are tried again when the other side is
 * unavailable. Clients of one address share its connections.
 *
 * @example
 * const agents = createGrpcClient(AgentService, { address: 'llm-agent:7402', token });
 * const agent = await agents.getAgent({ id }, { signal: call.signal });
 */
export function createGrpcClient<S extends DescService>(service: S, options: GrpcClientOptions): GrpcClient<S> {
  const client = new Client(options.address, credentials.createInsecure(), channelOptions(options.maxMessageBytes));
  const durations = options.metrics?.histogram('grpc_client_duration_seconds', 'Duration of calls to other services.', [
    'method',
    'code',
  ]);
  const observe = (method: DescMethod, startedAt: number, code: string) =>
    durations?.observe({ method: `${service.typeName}/${method.name}`, code }, (performance.now() - startedAt) / 1000);
  const prepare = createPreparation(options);

  const methods = service.methods.map((method) => [
    method.localName,
    method.methodKind === 'unary'
      ? async (request: Record<string, unknown>, call: CallOptions = {}) => {
          const startedAt = performance.now();
          try {
            const reply = await unary(client, method, request, await prepare(method, call), call.signal);
            observe(method, startedAt, 'ok');
            return reply;
          } catch (error) {
            observe(method, startedAt, error instanceof AppError ? error.code : 'internal');
            throw error;
          }
        }
      : (request: Record<string, unknown>, call: CallOptions = {}) =>
          stream(client, method, request, () => prepare(method, call), call.signal),
  ]);
  return { ...Object.fromEntries(methods), close: () => client.close() } as GrpcClient<S>;
}

interface Prepared {
  readonly metadata: Metadata;
  readonly deadline: number;
}

function createPreparation({ token, deadlineMs = 10_000 }: GrpcClientOptions) {
  return async (method: DescMethod, call: CallOptions): Promise<Prepared> => {
    call.signal?.throwIfAborted();
    const wishedMs = call.deadlineMs ?? (method.methodKind === 'unary' ? deadlineMs : Number.POSITIVE_INFINITY);
    const bearer = methodRules(method).public ? undefined : (call.token ?? (await token?.()));
    const metadata = bearer === undefined || bearer === '' ? new Metadata() : withBearer(bearer).clone();
    metadata.set('traceparent', call.traceparent ?? currentTraceparent() ?? newTraceparent());
    const causation = currentCausation();
    if (causation !== undefined) metadata.set(causationEntry, String(causation));
    if (call.idempotencyKey !== undefined) metadata.set('idempotency-key', call.idempotencyKey);
    return { metadata, deadline: Date.now() + remainingMs(wishedMs) };
  };
}

const maxBearers = 1_000;
const bearers = new Map<string, Metadata>();

/** Not to be changed. Kept, because every value that is set is held against the characters that may be sent. */
function withBearer(token: string): Metadata {
  const known = bearers.get(token);
  if (known !== undefined) return known;
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  bearers.set(token, metadata);
  if (bearers.size > maxBearers) bearers.delete(bearers.keys().next().value ?? '');
  return metadata;
}

function unary(
  client: Client,
  method: DescMethod,
  request: Record<string, unknown>,
  { metadata, deadline }: Prepared,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const cancel = () => call.cancel();
    const call = client.makeUnaryRequest(
      pathOf(method),
      encoderOf(method),
      decoderOf(method),
      request,
      metadata,
      { deadline },
      (error, reply) => {
        signal?.removeEventListener('abort', cancel);
        if (error === null) resolve(reply);
        else reject(failureOf(error, signal));
      },
    );
    if (signal?.aborted === true) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

async function* stream(
  client: Client,
  method: DescMethod,
  request: Record<string, unknown>,
  prepare: () => Promise<Prepared>,
  signal: AbortSignal | undefined,
): AsyncIterable<unknown> {
  const { metadata, deadline } = await prepare();
  const call = client.makeServerStreamRequest(pathOf(method), encoderOf(method), decoderOf(method), request, metadata, {
    deadline,
  });
  const cancel = () => call.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    yield* call; // asks the peer for more only when the consumer comes back
  } catch (error) {
    throw failureOf(error as ServiceError, signal);
  } finally {
    signal?.removeEventListener('abort', cancel);
    call.on('error', () => undefined); // a cancelled call reports itself once more
    call.cancel();
  }
}

function failureOf(error: ServiceError, signal: AbortSignal | undefined): unknown {
  return signal?.aborted === true && signal.reason instanceof AppError ? signal.reason : fromServiceError(error);
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function encoderOf(method: DescMethod) {
  return (request: Record<string, unknown>): Buffer => {
    const bytes = toBinary(method.input, create(method.input, request));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function decoderOf(method: DescMethod) {
  return (bytes: Buffer): unknown => fromBinary(method.output, bytes);
}
