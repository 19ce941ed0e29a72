import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { findKept, sumOfFiles, upsertFiles, upsertUses } from '../db/input-file-repository.ts';
import type { Schema } from '../db/schema.ts';
import { filesIn, type GivenInput } from '../domain/input.ts';
import type { Said } from '../domain/message.ts';

/** Keeps the files of an input, and notes who has them, those of the context included. No statement where there is none. */
export async function keepInput(
  tx: Tx<Schema>,
  ownerId: string,
  { parts, files }: GivenInput,
  known: { readonly context: readonly Said[]; readonly maxStoredBytes: number; readonly now: Date },
): Promise<void> {
  const all = [...parts, ...known.context.flatMap((said) => said.parts ?? [])];
  const hashes = [...new Set(filesIn(all).map(({ sha256 }) => sha256))];
  if (hashes.length === 0) return;
  if (files.size > 0) {
    await checkRoom(tx, files, known.maxStoredBytes);
    await upsertFiles(tx, files);
  }
  await upsertUses(tx, ownerId, hashes, known.now);
}

async function checkRoom(tx: Tx<Schema>, files: GivenInput['files'], maxStoredBytes: number): Promise<void> {
  const kept = await findKept(tx, [...files.keys()]);
  const more = [...files].reduce((sum, [hash, data]) => sum + (kept.has(hash) ? 0 : data.byteLength), 0);
  if (more === 0 || (await sumOfFiles(tx)) + more <= maxStoredBytes) return;
  const message = `The files of a tenant have at most ${maxStoredBytes} bytes together; remove conversations, or send smaller ones.`;
  throw new AppError('resource_exhausted', 'INPUT_STORAGE_FULL', message);
}
