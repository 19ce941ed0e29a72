// Writes what follows from deploy/fleet.ts.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderCompose } from './compose.ts';

writeFileSync(join(import.meta.dirname, '../docker-compose.yml'), renderCompose());
