import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import { AppError } from '@flotilla/errors';
import type { CallOptions } from '@flotilla/grpc';

/** A client of any service, as seen by who knows only descriptors. */
export type AnyClient = Readonly<Record<string, unknown>>;

/** Calls methods by their descriptors. */
export interface MethodCaller {
  unary(method: DescMethod, request: Message, options: CallOptions): Promise<Message>;
  stream(method: DescMethod, request: Message, options: CallOptions): AsyncIterable<Message>;
}

/** Finds the client of a method's service. */
export function createMethodCaller(clientOf: (service: DescService) => AnyClient | undefined): MethodCaller {
  const functionOf = (method: DescMethod): unknown => {
    const call = clientOf(method.parent)?.[method.localName];
    if (call === undefined) {
      throw new AppError(
        'unavailable',
        'SERVICE_NOT_DEPLOYED',
        'The service behind this path is not part of this fleet.',
      );
    }
    return call;
  };
  return {
    unary: async (method, request, options) =>
      (functionOf(method) as (request: Message, options: CallOptions) => Promise<Message>)(request, options),
    stream: (method, request, options) =>
      (functionOf(method) as (request: Message, options: CallOptions) => AsyncIterable<Message>)(request, options),
  };
}
