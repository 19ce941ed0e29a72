import type {
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { Call } from './call.ts';

/** The function behind one method. */
export type MethodImplementation<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: Call) => Promise<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, call: Call) => AsyncIterable<MessageInitShape<O>>
      : never;

/** Every method of a service; a missing one does not compile. */
export type ServiceImplementation<S extends DescService> = {
  readonly [M in keyof S['method']]: MethodImplementation<S['method'][M]>;
};

/** A service and its functions, ready for a server. */
export interface RegisteredService {
  readonly service: DescService;
  readonly methods: Readonly<Record<string, unknown>>;
}

/** Ties functions to the service that they implement. */
export function implement<S extends DescService>(
  service: S,
  implementation: ServiceImplementation<S>,
): RegisteredService {
  return { service, methods: implementation };
}
