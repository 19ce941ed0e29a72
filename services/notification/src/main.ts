import { migrationsFolder, runService } from '@flotilla/service';
import { parseConfig } from './config.ts';
import { createService } from './service.ts';

await runService({
  name: 'notification',
  domain: 'notification',
  migrationsFolder: migrationsFolder(import.meta.url),
  parseConfig,
  createService,
});
