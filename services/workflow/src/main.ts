import { migrationsFolder, runService } from '@flotilla/service';
import { parseConfig } from './config.ts';
import { createService } from './service.ts';

await runService({
  name: 'workflow',
  domain: 'workflow',
  migrationsFolder: migrationsFolder(import.meta.url),
  parseConfig,
  createService,
});
