import { migrationsFolder, runService } from '@flotilla/service';
import { parseConfig } from './config.ts';
import { createService } from './service.ts';

await runService({
  name: 'llm-agent',
  domain: 'agent',
  migrationsFolder: migrationsFolder(import.meta.url),
  parseConfig,
  createService,
});
