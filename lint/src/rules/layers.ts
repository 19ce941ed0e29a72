import { posix } from 'node:path';
import { type Finding, isTest, type Rule } from '../rule.ts';
import type { Import } from '../source-file.ts';

/** Decisions need nothing else. Pure libraries only: no clock, no network, no file, no database. */
const pureModules = new Set([
  '@flotilla/errors',
  '@flotilla/expressions',
  '@bufbuild/protobuf',
  'ajv',
  'ajv/dist/2020.js',
  'canonicalize',
  'croner',
  'liquidjs',
  'immutable',
  're2js',
  'node:crypto',
  'node:vm',
]);

const transports = ['grpc', 'events', 'temporal', 'http'];

/** What a folder of a service may not call, at most name types of. Arrows point inward: transports → commands, queries → domain, db. */
const forbidden: Readonly<Record<string, readonly string[]>> = {
  db: ['commands', 'queries', 'messages', ...transports],
  messages: ['db', 'commands', 'queries', ...transports],
  queries: ['commands', ...transports],
  commands: transports,
};

export const layers: Rule = {
  name: 'layers',
  check({ path, imports }) {
    const [, service, folders = ''] = /^services\/([^/]+)\/src\/(.*)$/.exec(path) ?? [];
    if (service === undefined || isTest(path)) return [];
    const layer = layerOf(folders);
    if (path.includes('/temporal/workflows/')) return imports.flatMap(recipeFinding);
    return imports.flatMap((each): Finding[] => {
      const { specifier, line } = each;
      if (!specifier.startsWith('.')) {
        return layer === 'domain' && !pureModules.has(specifier)
          ? [{ line, message: `domain is pure: ${specifier} is not on its list` }]
          : [];
      }
      const target = posix.join(posix.dirname(folders), specifier);
      const message = problemOf(layer, layerOf(target), target, folders, each);
      return message === undefined ? [] : [{ line, message }];
    });
  },
};

function problemOf(
  layer: string,
  other: string,
  target: string,
  from: string,
  { typeOnly }: Import,
): string | undefined {
  if (layer === 'domain' && other !== 'domain') return `domain is pure: it does not know ${other || target}`;
  if (target === 'service.ts' && from !== 'main.ts') return 'only main.ts knows service.ts';
  if (target === 'main.ts') return 'nobody imports main.ts';
  // Names of signals and queues have no behaviour.
  if (target === 'temporal/contract.ts') return undefined;
  if (!typeOnly && forbidden[layer]?.includes(other)) return `${layer} does not know ${other}`;
  if (transports.includes(layer) && transports.includes(other) && layer !== other)
    return `${layer} does not know ${other}`;
  return undefined;
}

/** A workflow file is a recipe: it is replayed, so it holds nothing that could answer otherwise the second time. */
function recipeFinding({ specifier, typeOnly, line }: Import): Finding[] {
  const allowed =
    specifier === '@temporalio/workflow' ||
    typeOnly ||
    /(^|\/)contract\.ts$/.test(specifier) ||
    specifier.startsWith('./');
  return allowed
    ? []
    : [{ line, message: `a workflow imports only @temporalio/workflow, contract.ts and types, not ${specifier}` }];
}

function layerOf(pathInService: string): string {
  return pathInService.includes('/') ? (pathInService.split('/')[0] ?? '') : '';
}
