import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodes, eventDisposition, grpcStatusByCode, httpStatusByCode, retryable } from '@flotilla/errors';
import { statusOf } from '../src/http/problem.ts';
import { type ErrorLiteral, errorLiterals } from './error-literals.ts';

/** Writes docs/errors.md from the reasons that the sources name. With `--check` it compares instead. */
const workspace = join(import.meta.dirname, '../../..');
const file = join(workspace, 'docs/errors.md');

interface Entry extends ErrorLiteral {
  readonly places: Set<string>;
}

function entries(): readonly Entry[] {
  const byReason = new Map<string, Entry>();
  const sources = globSync('{libs,services}/*/src/**/*.ts', { cwd: workspace }).filter(
    (path) => !/\.test\.ts$|^libs\/(testing|contracts)\/|\/src\/gen\//.test(path),
  );
  for (const path of sources.sort()) {
    for (const literal of errorLiterals(readFileSync(join(workspace, path), 'utf8'))) {
      const key = `${literal.reason} ${literal.code}`;
      const entry = byReason.get(key) ?? { ...literal, places: new Set<string>() };
      entry.places.add(path.split('/').slice(0, 2).join('/'));
      byReason.set(key, entry);
    }
  }
  return [...byReason].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

function page(): string {
  const codes = errorCodes.map((code) =>
    row([code, grpcStatusByCode[code], httpStatusByCode[code], retryable(code) ? 'yes' : 'no', eventDisposition(code)]),
  );
  const reasons = entries().map((entry) =>
    row([`\`${entry.reason}\``, entry.code, statusOf(entry), cell(entry.message), [...entry.places].join(', ')]),
  );
  return `# Errors

Generated from the sources by \`pnpm generate\`: do not edit.

Every error has a code, which decides how each edge shows it, and a stable reason, which programs may rely on. REST
answers \`application/problem+json\` with \`reason\`, \`detail\`, \`violations\` and \`traceId\`; gRPC carries the same in
\`google.rpc.ErrorInfo\`, \`BadRequest\` and \`RetryInfo\`.

## Codes

${row(['code', 'gRPC', 'HTTP', 'worth a retry', 'in an event consumer'])}
${row(['---', '---', '---', '---', '---'])}
${codes.join('\n')}

A state that is not the one \`If-Match\` names is 412.

## Reasons

${row(['reason', 'code', 'HTTP', 'what it says', 'where'])}
${row(['---', '---', '---', '---', '---'])}
${reasons.join('\n')}
`;
}

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

const text = page();
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text)
  throw new Error('docs/errors.md is not what the sources say: run pnpm generate');
