/** Everything that a service and its first resource are called, in every spelling. */
export type ServiceNames = Readonly<Record<(typeof spellings)[number], string>>;

const spellings = [
  'service',
  'domain',
  'SERVICE',
  'resource',
  'resources',
  'Resource',
  'Resources',
  'RESOURCE',
  'snake',
  'table',
  'Table',
  'kebab',
  'kebabs',
  'route',
  'word',
  'words',
  'port',
] as const;

const kebab = /^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/;

/**
 * Spells out the names of a service (`lending`) and its first resource (`library-book`, plural `library-books` unless said).
 * @throws Error in words for whoever typed them
 */
export function serviceNames(
  service: string,
  resource: string,
  plural: string | undefined,
  port: number,
): ServiceNames {
  const kebabs = plural ?? pluralOf(resource);
  for (const name of [service, resource, kebabs]) {
    if (!kebab.test(name)) throw new Error(`"${name}" is not in kebab-case: library-book`);
  }
  if (resource === kebabs) throw new Error(`Say the plural of "${resource}" too.`);
  const snake = (name: string): string => name.replaceAll('-', '_');
  const pascal = (name: string): string =>
    name.replace(/(^|-)(\w)/g, (_, _dash, letter: string) => letter.toUpperCase());
  const camel = (name: string): string => pascal(name).replace(/^./, (letter) => letter.toLowerCase());
  return {
    service,
    domain: snake(service),
    SERVICE: snake(service).toUpperCase(),
    resource: camel(resource),
    resources: camel(kebabs),
    Resource: pascal(resource),
    Resources: pascal(kebabs),
    RESOURCE: snake(resource).toUpperCase(),
    snake: snake(resource),
    table: snake(kebabs),
    Table: pascal(kebabs),
    kebab: resource,
    kebabs,
    route: kebabs,
    word: resource.replaceAll('-', ' '),
    words: kebabs.replaceAll('-', ' '),
    port: String(port),
  };
}

function pluralOf(name: string): string {
  if (/[^aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`;
  return /(s|x|z|ch|sh)$/.test(name) ? `${name}es` : `${name}s`;
}

/** Fills in a template; an unknown name is a mistake of the template. */
export function fill(template: string, names: ServiceNames): string {
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = (names as Readonly<Record<string, string>>)[name];
    if (value === undefined) throw new Error(`The template names {{${name}}}, which nobody knows.`);
    return value;
  });
}
