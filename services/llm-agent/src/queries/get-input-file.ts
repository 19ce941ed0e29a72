import { AppError } from '@flotilla/errors';
import type { ReadTx } from '@flotilla/postgres';
import { findExecution } from '../db/execution-repository.ts';
import { readPiece } from '../db/input-file-repository.ts';
import type { Schema } from '../db/schema.ts';
import { filesIn } from '../domain/input.ts';
import { executionNotFound } from '../domain/not-found.ts';

const pieceBytes = 1_048_576;

/** A piece of a file that went into an execution: who may read the execution may read its files, and no others by their hash. */
export async function getInputFile(
  tx: ReadTx<Schema>,
  { executionId, digest, offset }: { executionId: string; digest: string; offset: number },
) {
  const execution = await findExecution(tx, executionId);
  if (execution === undefined) throw executionNotFound();
  const file = filesIn(execution.parts).find((one) => one.sha256 === digest);
  const data = file && (await readPiece(tx, digest, { offset, length: pieceBytes }));
  if (file === undefined || data === undefined) {
    throw new AppError('not_found', 'INPUT_FILE_NOT_FOUND', 'The execution has no such file.');
  }
  const { mediaType, fileName, bytes: size } = file;
  if (offset >= size) throw new AppError('invalid_argument', 'OFFSET_INVALID', 'The file ends before that.');
  const end = offset + data.byteLength;
  return { mediaType, fileName, size, data, nextOffset: end < size ? end : 0 };
}
