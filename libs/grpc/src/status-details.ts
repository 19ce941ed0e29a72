import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack, anyUnpack, type Duration, durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema, StatusSchema } from '@flotilla/contracts/rpc';
import { AppError, type ErrorCode, errorCodes, grpcStatusByCode } from '@flotilla/errors';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';

const domain = 'flotilla';
const detailsKey = 'grpc-status-details-bin';
/** Peers refuse header blocks above 16 KiB or so; base64 adds a third. */
const maxDetailsBytes = 6_000;

/** An error as gRPC sends it: status, message, and google.rpc details with reason, violations and retry delay. */
export function toServiceError(error: AppError): { code: number; details: string; metadata: Metadata } {
  const code = grpcStatusByCode[error.code];
  const message = error.message.slice(0, 1_000);
  const encode = (violations: AppError['violations']) =>
    toBinary(StatusSchema, create(StatusSchema, { code, message, details: detailsOf(error, violations) }));
  let violations = error.violations;
  let bytes = encode(violations);
  while (bytes.byteLength > maxDetailsBytes && violations.length > 0) {
    violations = violations.slice(0, Math.floor(violations.length / 2));
    bytes = encode(violations);
  }
  const metadata = new Metadata();
  metadata.set(detailsKey, Buffer.from(bytes));
  return { code, details: message, metadata };
}

function detailsOf(error: AppError, violations: AppError['violations']): Any[] {
  // `code` tells apart what shares a status number.
  const details = [
    anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: error.reason, domain, metadata: { code: error.code } })),
  ];
  if (violations.length > 0) {
    const fieldViolations = violations.map(({ field, reason, message }) => ({
      field: field.slice(0, 200),
      reason,
      description: message.slice(0, 300),
    }));
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  if (error.retryAfterMs !== undefined) {
    const retryDelay = durationFromMs(Math.ceil(error.retryAfterMs));
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return details;
}

/** The error that a peer sent, or what a broken connection amounts to. Texts that are not ours stay in the cause. */
export function fromServiceError(error: ServiceError): AppError {
  const [details] = error.metadata?.get(detailsKey) ?? [];
  return (details instanceof Uint8Array ? fromDetails(details) : undefined) ?? fromStatus(error);
}

function fromDetails(bytes: Uint8Array): AppError | undefined {
  try {
    const { details, message } = fromBinary(StatusSchema, bytes);
    const info = first(details, ErrorInfoSchema);
    const code = errorCodes.find((known) => known === info?.metadata['code']);
    if (info?.domain !== domain || code === undefined) return undefined;
    const violations = first(details, BadRequestSchema)?.fieldViolations ?? [];
    const retryDelay: Duration | undefined = first(details, RetryInfoSchema)?.retryDelay;
    return new AppError(code, info.reason, message, {
      violations: violations.map(({ field, reason, description }) => ({ field, reason, message: description })),
      retryAfterMs: retryDelay && durationMs(retryDelay),
    });
  } catch {
    return undefined;
  }
}

function first<S extends Parameters<typeof anyUnpack>[1]>(details: readonly Any[], schema: S) {
  for (const detail of details) {
    const message = anyUnpack<S>(detail, schema);
    if (message !== undefined) return message;
  }
  return undefined;
}

function fromStatus(error: ServiceError): AppError {
  const cause = error;
  if (error.code === status.RESOURCE_EXHAUSTED && /larger than max/.test(error.details)) {
    return new AppError('invalid_argument', 'MESSAGE_TOO_LARGE', 'The message is larger than its receiver takes.', {
      cause,
    });
  }
  if (error.code === status.INTERNAL && /RST_STREAM|GOAWAY|socket|connection/i.test(error.details)) {
    return new AppError('unavailable', 'SERVICE_UNAVAILABLE', 'A service cannot be reached right now.', { cause });
  }
  switch (error.code) {
    case status.UNAVAILABLE:
      return new AppError('unavailable', 'SERVICE_UNAVAILABLE', 'A service cannot be reached right now.', { cause });
    case status.DEADLINE_EXCEEDED:
      return new AppError('deadline_exceeded', 'DEADLINE_EXCEEDED', 'The call took longer than its deadline.', {
        cause,
      });
    case status.CANCELLED:
      return new AppError('cancelled', 'CANCELLED', 'The call was cancelled.', { cause });
    default: {
      const code: ErrorCode = errorCodes.find((known) => grpcStatusByCode[known] === error.code) ?? 'internal';
      return new AppError(code, 'PEER_ERROR', 'A service refused the call.', { cause });
    }
  }
}
