import { STATUS_CODES } from 'node:http';
import { AppError, type ErrorCode, httpStatusByCode, toAppError, type Violation } from '@flotilla/errors';
import { traceIdOf } from '@flotilla/observability';

/** An error as HTTP shows it (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly reason: string;
  readonly instance: string;
  readonly traceId: string;
  readonly violations?: readonly Violation[];
}

/** Where HTTP has a better word than the table of codes. */
const statusByReason: Readonly<Record<string, number>> = {
  BODY_TOO_LARGE: 413,
  MESSAGE_TOO_LARGE: 413,
  METHOD_NOT_ALLOWED: 405,
  REVISION_MISMATCH: 412,
  UNSUPPORTED_MEDIA_TYPE: 415,
};

/** The HTTP status of an error. */
export function statusOf({ code, reason }: { readonly code: ErrorCode; readonly reason: string }): number {
  return statusByReason[reason] ?? httpStatusByCode[code];
}

/** What an error looks like at a path within a trace. */
export function problemOf(error: AppError, path: string, traceparent: string): Problem {
  const status = statusOf(error);
  return {
    type: `urn:flotilla:problem:${error.reason}`,
    title: STATUS_CODES[status] ?? 'Client Closed Request',
    status,
    detail: error.message,
    reason: error.reason,
    instance: path,
    traceId: traceIdOf(traceparent),
    ...(error.violations.length > 0 ? { violations: error.violations } : {}),
  };
}

/** Makes our error of whatever a route or Fastify itself has thrown. */
export function errorOf(thrown: unknown, bodyLimitBytes: number): AppError {
  if (thrown instanceof AppError || !isHttpError(thrown)) return toAppError(thrown);
  const cause = thrown;
  switch (thrown.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new AppError('invalid_argument', 'BODY_TOO_LARGE', `A body has at most ${bodyLimitBytes} bytes.`, {
        cause,
      });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new AppError('invalid_argument', 'UNSUPPORTED_MEDIA_TYPE', 'A body must be application/json in UTF-8.', {
        cause,
      });
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new AppError('invalid_argument', 'INVALID_URL', 'The path is not a valid URL path.', { cause });
    default:
      return thrown.statusCode < 500
        ? new AppError('invalid_argument', 'BAD_REQUEST', 'The request is not valid HTTP for this path.', { cause })
        : toAppError(thrown);
  }
}

function isHttpError(thrown: unknown): thrown is Error & { code?: string; statusCode: number } {
  return thrown instanceof Error && 'statusCode' in thrown && typeof thrown.statusCode === 'number';
}
