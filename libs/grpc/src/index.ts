export { type AbortAfter, abortAfter } from './abort-after.ts';
export { anonymous, type Call, type IdempotencyScope, type Principal, type PrincipalVerifier } from './call.ts';
export { currentCausation, parseCausation, withCausation } from './causation.ts';
export { type CallOptions, createGrpcClient, type GrpcClient, type GrpcClientOptions } from './client.ts';
export { remainingMs, withDeadline, withoutDeadline } from './deadline.ts';
export { idempotencyScope } from './idempotency.ts';
export {
  implement,
  type MethodImplementation,
  type RegisteredService,
  type ServiceImplementation,
} from './implementation.ts';
export type { Denial } from './outcome.ts';
export { createGrpcServer, type GrpcServer, type GrpcServerOptions } from './server.ts';
export { fromServiceError, toServiceError } from './status-details.ts';
export { checkMessage } from './validation.ts';
