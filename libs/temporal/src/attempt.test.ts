import { AppError } from '@flotilla/errors';
import { createLogger } from '@flotilla/observability';
import { asyncLocalStorage, type Context } from '@temporalio/activity';
import { expect, test } from 'vitest';
import { runAttempt } from './attempt.ts';

/** Runs an attempt as a worker would, and answers how it ended and what was logged. */
async function attempt(cancelled: boolean, work: () => Promise<unknown>) {
  const controller = new AbortController();
  if (cancelled) controller.abort(new Error('TIMED_OUT'));
  const context = {
    info: { isLocal: true, attempt: 2, activityType: 'attemptStep' },
    cancellationSignal: controller.signal,
    cancellationDetails: undefined,
  } as unknown as Context;
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ service: 'test', level: 'error', destination });
  const outcome = asyncLocalStorage.run(context, () => runAttempt({ log }, work));
  const failure = await outcome.then(
    () => undefined,
    (error: unknown) => error,
  );
  return { failure, lines };
}

test('an attempt that fails for no known reason is logged', async () => {
  const { failure, lines } = await attempt(false, () => Promise.reject(new Error('out of order')));
  expect(failure).toMatchObject({ type: 'INTERNAL', nonRetryable: false });
  expect(lines.join()).toContain('out of order');
});

test('one that was taken away from its worker is no fault, and tells nobody', async () => {
  const { failure, lines } = await attempt(true, () => Promise.reject(new Error('TIMED_OUT')));
  expect(failure).toMatchObject({ type: 'INTERNAL' });
  expect(lines).toEqual([]);
});

test('only the reason of an error goes into the history', async () => {
  const refused = new AppError('failed_precondition', 'AGENT_INACTIVE', 'The agent of Ms Smith is inactive.');
  const { failure } = await attempt(false, () => Promise.reject(refused));
  expect(failure).toMatchObject({ type: 'AGENT_INACTIVE', message: 'AGENT_INACTIVE', nonRetryable: true });
});
