import type { ServerResponse } from 'node:http';
import { AppError } from '@flotilla/errors';

/** Aborted when the caller goes away before the answer is complete. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new AppError('cancelled', 'CLIENT_GONE', 'The caller went away.'));
  });
  return gone.signal;
}
