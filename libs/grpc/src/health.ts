import { EventEmitter } from 'node:events';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

/** The standard `grpc.health.v1.Health` service. Its two messages have one field each, hence no generated code. */
export interface Health {
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
  /** Whether the server takes calls; every service of it alike. */
  set(serving: boolean): void;
}

const serving = 1;
const notServing = 2;
const asIs = (bytes: Buffer): Buffer => bytes;

/** Creates the health service for a server that is not serving yet. */
export function createHealth(serviceNames: readonly string[]): Health {
  const known = new Set(['', ...serviceNames]);
  const changes = new EventEmitter().setMaxListeners(0);
  let current = notServing;

  const check: handleUnaryCall<Buffer, Buffer> = ({ request }, respond) => {
    if (known.has(requestedService(request))) respond(null, encodeStatus(current));
    else respond({ code: status.NOT_FOUND, details: 'There is no such service here.' });
  };
  const watch: handleServerStreamingCall<Buffer, Buffer> = (stream) => {
    const send = () => stream.write(encodeStatus(current));
    const end = () => {
      changes.off('change', send);
      stream.end();
    };
    send();
    changes.on('change', send);
    changes.once('down', end);
    stream.once('cancelled', end);
  };
  const method = (name: string, responseStream: boolean) => ({
    path: `/grpc.health.v1.Health/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  });
  return {
    definition: { check: method('Check', false), watch: method('Watch', true) },
    handlers: { check, watch },
    set(isServing) {
      const before = current;
      current = isServing ? serving : notServing;
      if (current !== before) changes.emit('change');
      if (before === serving && !isServing) changes.emit('down');
    },
  };
}

function requestedService(request: Uint8Array): string {
  const reader = new BinaryReader(request);
  let name = '';
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) name = reader.string();
    else reader.skip(wireType);
  }
  return name;
}

function encodeStatus(value: number): Buffer {
  return Buffer.from(new BinaryWriter().tag(1, WireType.Varint).int32(value).finish());
}
