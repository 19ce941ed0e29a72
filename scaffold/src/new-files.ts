import { fill, type ServiceNames } from './service-names.ts';

/** Where each template goes. */
function targets(
  { service, domain, table, kebab, kebabs }: ServiceNames,
  stamp: string,
): Readonly<Record<string, string>> {
  const own = `services/${service}`;
  return {
    'proto/resources.proto': `proto/flotilla/${domain}/v1/${table}.proto`,
    'proto/events.proto': `proto/flotilla/${domain}/v1/events.proto`,
    'contracts/domain.ts': `libs/contracts/src/${service}.ts`,
    'service/package.json': `${own}/package.json`,
    'service/tsconfig.json': `${own}/tsconfig.json`,
    'service/README.md': `${own}/README.md`,
    'service/src/main.ts': `${own}/src/main.ts`,
    'service/src/config.ts': `${own}/src/config.ts`,
    'service/src/service.ts': `${own}/src/service.ts`,
    'service/src/domain/resource.ts': `${own}/src/domain/${kebab}.ts`,
    'service/src/db/schema.ts': `${own}/src/db/schema.ts`,
    'service/src/db/resource-repository.ts': `${own}/src/db/${kebab}-repository.ts`,
    'service/src/db/migrations/create.sql': `${own}/src/db/migrations/${stamp}-create-${kebabs}.sql`,
    'service/src/db/migrations/create.down.sql': `${own}/src/db/migrations/${stamp}-create-${kebabs}.down.sql`,
    'service/src/messages/resource-message.ts': `${own}/src/messages/${kebab}-message.ts`,
    'service/src/commands/create-resource.ts': `${own}/src/commands/create-${kebab}.ts`,
    'service/src/commands/update-resource.ts': `${own}/src/commands/update-${kebab}.ts`,
    'service/src/commands/delete-resource.ts': `${own}/src/commands/delete-${kebab}.ts`,
    'service/src/grpc/resources.ts': `${own}/src/grpc/${kebabs}.ts`,
    'service/test/harness.ts': `${own}/test/harness.ts`,
    'service/test/resources.test.ts': `${own}/test/${kebabs}.test.ts`,
  };
}

/** The files of a new service, as path → text. `template` answers the text of a template by its name. */
export function newFiles(
  names: ServiceNames,
  template: (name: string) => string,
  now: Date,
): ReadonlyMap<string, string> {
  const stamp = now.toISOString().replace(/\D/g, '').slice(0, 14);
  return new Map(
    Object.entries(targets(names, stamp)).map(([name, path]) => [path, inOrder(path, fill(template(name), names))]),
  );
}

/** Where an import stands depends on the names; formatters want them sorted. */
function inOrder(path: string, text: string): string {
  if (!path.endsWith('.proto')) return text;
  return text.replace(/(import "[^"]+";\n)+/, (imports) => `${imports.trimEnd().split('\n').sort().join('\n')}\n`);
}
