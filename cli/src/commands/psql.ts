import { join } from 'node:path';
import { databasePrefix, grpcServices, openSecrets, portOffsets, runInRoot } from '@flotilla/deploy';
import type { CliConfig } from '../config.ts';
import { connectSupervisor } from '../supervisor/client.ts';

/** Opens psql on a service's database. Resolves to psql's exit code. */
export async function psql(config: CliConfig, name: string, argv: readonly string[]): Promise<number> {
  if ((await connectSupervisor(config.stateDir).status()) === undefined) {
    throw new Error('The fleet is down. Start it: ./flotilla up');
  }
  const service = grpcServices.find(
    (one) => name === one || name === databasePrefix(one) || name === `${databasePrefix(one)}_db`,
  );
  if (service === undefined && name !== 'postgres') {
    throw new Error(`There is no database ${name}. There are: ${grpcServices.join(', ')} and postgres.`);
  }
  const secrets = openSecrets(join(config.stateDir, 'secrets.json'));
  return await runInRoot(['/usr/bin/psql', ...argv], {
    PGHOST: '127.0.0.1',
    PGPORT: String(config.portBase + portOffsets.postgres.sql),
    PGUSER: 'postgres',
    PGPASSWORD: secrets.text('postgres'),
    PGDATABASE: service === undefined ? 'postgres' : `${databasePrefix(service)}_db`,
    TERM: config.env['TERM'] ?? 'dumb',
  });
}
