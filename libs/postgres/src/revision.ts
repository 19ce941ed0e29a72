import { AppError } from '@flotilla/errors';

/** The revision that an ETag stands for; `undefined` for an empty one, which means "do not check". */
export function revisionOf(etag: string): number | undefined {
  if (etag === '') return undefined;
  const revision = Number(etag);
  if (!/^[1-9]\d{0,9}$/.test(etag) || revision > 2_147_483_647) {
    throw new AppError('invalid_argument', 'ETAG_INVALID', 'The etag is not one that this resource ever had.');
  }
  return revision;
}

/** Refuses a change of what someone else has changed meanwhile. For commands that load the row for update first. */
export function checkRevision(row: { readonly revision: number }, etag: string): void {
  const expected = revisionOf(etag);
  if (expected !== undefined && expected !== row.revision) throw revisionMismatch();
}

/**
 * Takes the outcome of `update … where id = … and revision = …` and refuses a lost update.
 *
 * @example
 * expectOneRow(await tx.updateTable('loans').set(…).where('id', '=', id).where('revision', '=', revision).executeTakeFirst());
 */
export function expectOneRow(result: { readonly numUpdatedRows: bigint }): void {
  if (result.numUpdatedRows !== 1n) throw revisionMismatch();
}

function revisionMismatch(): AppError {
  return new AppError('aborted', 'REVISION_MISMATCH', 'Someone else changed this meanwhile. Load it again.');
}
