import { AppError } from '@flotilla/errors';
import type { ReadTx } from '@flotilla/postgres';
import { findApiKey } from '../db/api-key-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { ApiKey } from '../domain/api-key.ts';

export async function getApiKey(tx: ReadTx<Schema>, id: string): Promise<ApiKey> {
  const key = await findApiKey(tx, id);
  if (key === undefined) throw new AppError('not_found', 'API_KEY_NOT_FOUND', 'There is no such API key.');
  return key;
}
