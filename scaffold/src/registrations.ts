import type { ServiceNames } from './service-names.ts';

/** A place in the tree where every service is named once. */
interface Registration {
  readonly path: string;
  readonly what: string;
  /** What the new text follows; found exactly once. */
  readonly behind: RegExp;
  readonly text: string;
}

/** The places where the fleet learns of a service: contract, edge, description of the fleet. */
function registrations(names: ServiceNames): readonly Registration[] {
  const { service, domain, SERVICE, table, words, port } = names;
  const key = service.includes('-') ? `'${service}'` : service;
  const domainKey = domain;
  const offset = Number(port) - 7400;
  const files = ['events', table];
  return [
    {
      path: 'libs/contracts/package.json',
      what: 'the exports of the contract',
      behind: /"\.\/validation": "\.\/src\/validation\.ts",/,
      text: `\n    "./${domain}": "./src/${service}.ts",`,
    },
    {
      path: 'libs/contracts/src/methods.ts',
      what: 'the imports of descriptors',
      behind: /import \{ file_flotilla_identity_v1_users \} from '[^']+';/,
      text: files
        .map(
          (file) => `\nimport { file_flotilla_${domain}_v1_${file} } from './gen/flotilla/${domain}/v1/${file}_pb.ts';`,
        )
        .join(''),
    },
    {
      path: 'libs/contracts/src/methods.ts',
      what: 'the list of descriptors',
      behind: /\n {2}file_flotilla_identity_v1_users,/,
      text: files.map((file) => `\n  file_flotilla_${domain}_v1_${file},`).join(''),
    },
    {
      path: 'services/gateway/src/config.ts',
      what: 'the domains of the edge',
      behind: /export type Domain = [^;]*'validation'/,
      text: ` | '${domain}'`,
    },
    {
      path: 'services/gateway/src/config.ts',
      what: 'the addresses of the edge',
      behind: /\n {6}validation: address\('VALIDATION', \d+\),/,
      text: `\n      ${domainKey}: address('${SERVICE}', ${port}),`,
    },
    {
      path: 'deploy/fleet.ts',
      what: 'the ports of the fleet',
      behind: /\n {2}validation: \{ grpc: \d+, admin: \d+ \},/,
      text: `\n  ${key}: { grpc: ${offset}, admin: ${offset + 100} },`,
    },
    {
      path: 'deploy/fleet.ts',
      what: 'the services of the fleet',
      behind: /export const grpcServices = \[[^\]]*'validation',/,
      text: ` '${service}',`,
    },
    {
      path: 'deploy/fleet.ts',
      what: 'what each service is about',
      behind: /\n {2}validation: '[^']+',/,
      text: `\n  ${key}: '${words}',`,
    },
  ];
}

/** The changed files, as path → text. A place that is not where it was is an error: half a registration is none. */
export function register(names: ServiceNames, read: (path: string) => string): ReadonlyMap<string, string> {
  const changed = new Map<string, string>();
  for (const { path, what, behind, text } of registrations(names)) {
    const before = changed.get(path) ?? read(path);
    const places = [...before.matchAll(new RegExp(behind, 'g'))];
    const [place] = places;
    if (place === undefined || places.length > 1)
      throw new Error(`${path}: ${what} were not found, or more than once.`);
    const at = place.index + place[0].length;
    changed.set(path, before.slice(0, at) + text + before.slice(at));
  }
  return changed;
}

/** The first free port for gRPC: its offset is used by nobody. */
export function freePort(fleet: string): number {
  const [, block = ''] = /export const portOffsets = \{([\s\S]*?)\n\}/.exec(fleet) ?? [];
  const used = new Set([...block.matchAll(/: (\d+)/g)].map(([, offset]) => Number(offset)));
  for (let offset = 9; offset < 50; offset++) if (!used.has(offset) && !used.has(offset + 100)) return 7400 + offset;
  throw new Error('No port is free below the replicas.');
}
