import { createHash } from 'node:crypto';
import { create, type DescMethod, fromBinary, type MessageShape, toBinary, toJson } from '@bufbuild/protobuf';
import { registry } from '@flotilla/contracts';
import { AppError } from '@flotilla/errors';

/** One request under one key: what the idempotency row of the command's transaction is made from. */
export interface IdempotencyScope {
  readonly key: string;
  /** SHA-256 over method and request, the same however maps were ordered on the wire. */
  readonly requestHash: Uint8Array;
  /** `flotilla.agent.v1.AgentService/CreateAgent` */
  readonly method: string;
  encode(reply: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

/** Makes the scope of a request; throws INVALID_IDEMPOTENCY_KEY for a key that is not 1 to 255 printable ASCII characters. */
export function idempotencyScope(
  method: DescMethod,
  request: MessageShape<DescMethod['input']>,
  key: string,
): IdempotencyScope {
  if (!/^[\x20-\x7e]{1,255}$/.test(key)) {
    throw new AppError(
      'invalid_argument',
      'INVALID_IDEMPOTENCY_KEY',
      'An idempotency key has 1 to 255 printable ASCII characters.',
    );
  }
  const name = `${method.parent.typeName}/${method.name}`;
  const json = JSON.stringify(toJson(method.input, request, { registry }), sortKeys);
  return {
    key,
    requestHash: createHash('sha256').update(`${name}\0${json}`).digest(),
    method: name,
    encode: (reply) => toBinary(method.output, create(method.output, reply as Record<string, unknown>)),
    decode: (bytes) => fromBinary(method.output, bytes),
  };
}

function sortKeys(_name: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;
}
