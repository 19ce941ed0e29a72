// node deploy/write-compose-env.ts
// Makes the secrets of a fleet in containers, once, and writes them to .env, where Compose looks for them. Without Node:
// docker run --rm -u "$(id -u)" -v "$PWD:/flotilla" -w /flotilla node:24 node deploy/write-compose-env.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderCompose } from './compose.ts';
import { secretVariable } from './container-surroundings.ts';
import { fingerprint, openSecrets, secretValue } from './secrets.ts';

const workspace = join(import.meta.dirname, '..');
const secrets = openSecrets(join(workspace, '.flotilla/compose-secrets.json'));
const wanted = new Set(
  [...renderCompose().matchAll(/\$\{(FLOTILLA_SECRET_[A-Z0-9_]+)/g)].map(([, name]) => name ?? ''),
);
const lines = [...wanted].sort().map((variable) => {
  const isFingerprint = variable.endsWith('_SHA256');
  const base = isFingerprint ? variable.slice(0, -'_SHA256'.length) : variable;
  const value = secretValue(secrets, nameOf(base));
  return `${variable}='${isFingerprint ? fingerprint(value) : value}'\n`;
});
writeFileSync(join(workspace, '.env'), lines.join(''), { mode: 0o600 });

/** The variable's own name serves, but for the kinds of secret that have a form. */
function nameOf(variable: string): string {
  const formed = ['signing/identity', 'bootstrap/api-key'].find((name) => secretVariable(name) === variable);
  return formed ?? variable;
}
