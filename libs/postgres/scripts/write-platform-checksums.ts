import { resolve } from 'node:path';
import { keepChecksums } from '../src/migrations/checksums.ts';
import { platformSet } from '../src/migrations/migration-set.ts';

/** Keeps the list of the platform's migrations. */
await keepChecksums(resolve(import.meta.dirname, '../src/platform/checksums.gen.json'), platformSet());
