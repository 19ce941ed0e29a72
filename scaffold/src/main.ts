import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { newFiles } from './new-files.ts';
import { freePort, register } from './registrations.ts';
import { serviceNames } from './service-names.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const template = (name: string): string => read(`scaffold/template/${name}.template`);

try {
  const [service, resource, plural] = process.argv.slice(2);
  if (service === undefined || resource === undefined) {
    throw new Error(
      'pnpm new:service <service> <resource> [plural], for example: pnpm new:service lending library-book',
    );
  }
  const names = serviceNames(service, resource, plural, freePort(read('deploy/fleet.ts')));
  const added = newFiles(names, template, new Date());
  for (const path of added.keys()) if (existsSync(join(root, path))) throw new Error(`${path} is there already.`);
  const written = new Map([...added, ...register(names, read)]);
  for (const [path, text] of written) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  process.stdout.write(
    [
      ...[...written.keys()].sort(),
      '',
      `The service ${service} listens on ${names.port}. Now:`,
      '  pnpm install',
      '  pnpm --dir proto run generate',
      '  pnpm format',
      '  pnpm generate        (needs the test servers; writes documentation and the Compose file)',
      '  ./flotilla check && ./flotilla test',
      '',
    ].join('\n'),
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
