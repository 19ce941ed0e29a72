import { runService } from '@flotilla/service';
import { parseConfig } from './config.ts';
import { createService } from './service.ts';

await runService({ name: 'local-model', parseConfig, createService });
