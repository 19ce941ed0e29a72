import { migrationsFolder, runService } from '@flotilla/service';
import { parseConfig } from './config.ts';
import { createService } from './service.ts';

await runService({
  name: 'identity',
  domain: 'identity',
  migrationsFolder: migrationsFolder(import.meta.url),
  parseConfig,
  createService,
});
