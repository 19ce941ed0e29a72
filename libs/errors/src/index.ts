export { AppError, type AppErrorOptions, type ErrorCode, errorCodes, toAppError, type Violation } from './app-error.ts';
export {
  type EventDisposition,
  eventDisposition,
  grpcStatusByCode,
  httpStatusByCode,
  retryable,
} from './edge-tables.ts';
