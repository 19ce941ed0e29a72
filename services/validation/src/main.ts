import { migrationsFolder, runService } from '@flotilla/service';
import { parseConfig } from './config.ts';
import { createService } from './service.ts';

await runService({
  name: 'validation',
  domain: 'validation',
  migrationsFolder: migrationsFolder(import.meta.url),
  parseConfig,
  createService,
});
