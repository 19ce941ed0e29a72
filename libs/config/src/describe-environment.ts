import type { EnvironmentReader } from './environment-reader.ts';

/** One variable as a README shows it. */
export interface EnvironmentVariable {
  readonly name: string;
  readonly kind: string;
  readonly description: string;
  readonly required: boolean;
  /** None for secrets and for required variables. */
  readonly default: string | undefined;
}

type Described = Readonly<{ description: string; default?: unknown; optional?: true; values?: readonly string[] }>;

/** Lists the variables that `build` reads, in its order, without an environment. */
export function describeEnvironment(build: (read: EnvironmentReader) => unknown): readonly EnvironmentVariable[] {
  const variables = new Map<string, EnvironmentVariable>();
  const record = (kind: string, placeholder: unknown) => (name: string, setting: Described) => {
    variables.set(name, {
      name,
      kind: setting.values ? setting.values.join(' \\| ') : kind,
      description: setting.description,
      required: setting.default === undefined && setting.optional !== true,
      default: kind === 'secret' || setting.default === undefined ? undefined : String(setting.default),
    });
    return setting.default ?? (setting.optional === true ? undefined : (setting.values?.[0] ?? placeholder));
  };
  build({
    text: record('text', ''),
    integer: record('whole number', 1),
    number: record('number', 1),
    boolean: record('true \\| false', false),
    oneOf: record('text', ''),
    url: record('URL', 'http://localhost'),
    secret: record('secret', ''),
    list: record('list, by commas', []),
  } as unknown as EnvironmentReader);
  return [...variables.values()];
}

const start = '<!-- environment: generated -->';
const end = '<!-- environment: end -->';

/** The README with its table of variables renewed; `build` is the service's `readConfig`. Throws when the markers are not there. */
export function replaceEnvironmentTable(readme: string, build: (read: EnvironmentReader) => unknown): string {
  const [from, to] = [readme.indexOf(start), readme.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`The README needs the lines "${start}" and "${end}".`);
  const rows = describeEnvironment(build).map(({ name, kind, description, required, default: fallback }) => [
    `\`${name}\``,
    kind,
    required ? 'required' : fallback === undefined ? '' : `\`${fallback}\``,
    description,
  ]);
  const table = alignedTable(['variable', 'kind', 'default', 'meaning'], rows);
  return `${readme.slice(0, from + start.length)}\n${table}\n${readme.slice(to)}`;
}

/** As formatters write it, so that they leave it alone. */
function alignedTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
