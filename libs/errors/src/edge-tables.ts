import type { ErrorCode } from './app-error.ts';

/** gRPC status numbers. `budget_exceeded` shares 8 with `resource_exhausted`; the error's details tell them apart. */
export const grpcStatusByCode: Readonly<Record<ErrorCode, number>> = {
  cancelled: 1,
  invalid_argument: 3,
  deadline_exceeded: 4,
  not_found: 5,
  already_exists: 6,
  permission_denied: 7,
  resource_exhausted: 8,
  budget_exceeded: 8,
  failed_precondition: 9,
  aborted: 10,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
};

/** HTTP status numbers. A failed If-Match is 412 instead: the gateway knows the condition, not this table. */
export const httpStatusByCode: Readonly<Record<ErrorCode, number>> = {
  invalid_argument: 400,
  failed_precondition: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  already_exists: 409,
  aborted: 409,
  resource_exhausted: 429,
  budget_exceeded: 429,
  cancelled: 499,
  internal: 500,
  unavailable: 503,
  deadline_exceeded: 504,
};

/** Whether the same call may succeed later without anybody changing anything. */
export function retryable(code: ErrorCode): boolean {
  switch (code) {
    case 'aborted':
    case 'resource_exhausted':
    case 'unavailable':
    case 'deadline_exceeded':
    case 'internal':
      return true;
    default:
      return false;
  }
}

/** What becomes of an event whose handler failed. */
export type EventDisposition = 'retry' | 'retry_briefly' | 'dead_letter' | 'acknowledge';

/** What an event consumer makes of a failure. `retry_briefly` ends as a dead letter. */
export function eventDisposition(code: ErrorCode): EventDisposition {
  switch (code) {
    case 'aborted':
    case 'resource_exhausted':
    case 'unavailable':
    case 'deadline_exceeded':
      return 'retry';
    case 'not_found': // the other event may be late
    case 'internal':
      return 'retry_briefly';
    case 'cancelled':
      return 'acknowledge';
    case 'invalid_argument':
    case 'failed_precondition':
    case 'unauthenticated':
    case 'permission_denied':
    case 'already_exists':
    case 'budget_exceeded':
      return 'dead_letter';
  }
}
