import { type Cursor, type ReadTx, toPage } from '@flotilla/postgres';
import { listLedger } from '../db/attempt-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type LedgerFormat, writeLedger } from '../domain/ledger-text.ts';

export interface LedgerWish {
  readonly from: Date | undefined;
  readonly to: Date | undefined;
  readonly format: LedgerFormat;
  readonly cursor: Cursor | undefined;
  readonly size: number;
}

/** A page of the ledger as text, oldest first. */
export async function exportLedger(
  tx: ReadTx<Schema>,
  { format, size, ...wish }: LedgerWish,
): Promise<{ readonly content: string; readonly lines: number; readonly nextPageToken: string }> {
  const found = await listLedger(tx, wish, size + 1);
  const page = toPage(found, size, ({ id, startedAt }) => ({ id, createdAt: startedAt }));
  const content = writeLedger(page.rows, format, wish.cursor === undefined);
  return { content, lines: page.rows.length, nextPageToken: page.nextPageToken };
}
