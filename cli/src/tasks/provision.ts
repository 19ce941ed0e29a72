// Makes each service's database and roles, or brings them to the passwords of this fleet.
import { databasePrefix, grpcServices, variablePrefix } from '@flotilla/deploy';
import { provisionDatabase, type RoleKind, roleKinds } from '@flotilla/postgres';
import { given } from './config.ts';

const superuserUrl = given('FLOTILLA_SUPERUSER_URL');
for (const service of grpcServices) {
  const password = (role: RoleKind) => given(`${variablePrefix(service)}_${role.toUpperCase()}_PASSWORD`);
  await provisionDatabase(superuserUrl, {
    database: `${databasePrefix(service)}_db`,
    service,
    passwords: Object.fromEntries(roleKinds.map((role) => [role, password(role)])) as Record<RoleKind, string>,
    ...(service === 'audit' ? { extensions: ['timescaledb'] } : {}),
  });
  process.stdout.write(`${databasePrefix(service)}_db is provisioned\n`);
}
