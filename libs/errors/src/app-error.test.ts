import { expect, test } from 'vitest';
import {
  AppError,
  errorCodes,
  eventDisposition,
  grpcStatusByCode,
  httpStatusByCode,
  retryable,
  toAppError,
} from './index.ts';

test('an unknown failure becomes internal, keeps its cause and withholds its text', () => {
  const cause = new Error('password=hunter2');
  const error = toAppError(cause);
  expect(error).toMatchObject({ code: 'internal', reason: 'INTERNAL', cause });
  expect(error.message).not.toContain('hunter2');
});

test('an AppError passes unchanged', () => {
  const error = new AppError('not_found', 'AGENT_NOT_FOUND', 'There is no such agent.');
  expect(toAppError(error)).toBe(error);
});

test('every code has a place in every table', () => {
  for (const code of errorCodes) {
    expect(grpcStatusByCode[code]).toBeGreaterThan(0);
    expect(httpStatusByCode[code]).toBeGreaterThanOrEqual(400);
    expect(eventDisposition(code)).toBeTypeOf('string');
  }
  expect(errorCodes.filter(retryable)).toEqual([
    'aborted',
    'resource_exhausted',
    'unavailable',
    'deadline_exceeded',
    'internal',
  ]);
});
