import { parseSync, Visitor } from 'oxc-parser';

/** What a file imports or exports again. */
export interface Import {
  readonly specifier: string;
  /** Only types: gone at run time. */
  readonly typeOnly: boolean;
  readonly line: number;
}

/** A name that a file gives to something of its own. */
export interface Declaration {
  readonly name: string;
  readonly kind: 'class' | 'interface' | 'type' | 'function';
  readonly line: number;
}

/** A file of the tree; imports and declarations are those of TypeScript and JavaScript. */
export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly imports: readonly Import[];
  readonly declarations: readonly Declaration[];
}

export function isCode(path: string): boolean {
  return /\.[cm]?[jt]s$/.test(path);
}

/** Reads a file's text. Code that does not parse throws: an unread file would pass every rule. */
export function readSource(path: string, text: string): SourceFile {
  const lines = text.split('\n');
  const plain = { path, text, lines, imports: [], declarations: [] };
  if (!isCode(path)) return plain;
  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length;
  const { program, module, errors } = parseSync(path, text);
  const [error] = errors.filter(({ severity }) => severity === 'Error');
  if (error !== undefined) throw new Error(`${path} cannot be read: ${error.message}`);

  const imports: Import[] = [
    ...module.staticImports.map(({ moduleRequest, entries, start }) => ({
      specifier: moduleRequest.value,
      typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
      line: lineOf(start),
    })),
    ...module.staticExports.flatMap(({ entries, start }) =>
      entries.flatMap(({ moduleRequest, isType }) =>
        moduleRequest === null ? [] : [{ specifier: moduleRequest.value, typeOnly: isType, line: lineOf(start) }],
      ),
    ),
    ...module.dynamicImports.flatMap(({ moduleRequest, start }) => {
      const literal = /^['"`]([^'"`$]+)['"`]$/.exec(text.slice(moduleRequest.start, moduleRequest.end));
      return literal?.[1] === undefined ? [] : [{ specifier: literal[1], typeOnly: false, line: lineOf(start) }];
    }),
  ];
  return { ...plain, imports, declarations: declarationsOf(program, lineOf) };
}

function declarationsOf(program: Parameters<Visitor['visit']>[0], lineOf: (offset: number) => number): Declaration[] {
  const found: Declaration[] = [];
  const note =
    (kind: Declaration['kind']) =>
    ({ id }: { id?: { name: string; start: number } | null }): void => {
      if (id) found.push({ name: id.name, kind, line: lineOf(id.start) });
    };
  new Visitor({
    ClassDeclaration: note('class'),
    TSInterfaceDeclaration: note('interface'),
    TSTypeAliasDeclaration: note('type'),
    FunctionDeclaration: note('function'),
  }).visit(program);
  return found;
}
