import { type ErrorCode, errorCodes } from '@flotilla/errors';
import { parseAst } from 'rolldown/parseAst';

/** One place in the sources that names a reason. */
export interface ErrorLiteral {
  readonly code: ErrorCode;
  readonly reason: string;
  /** As people read it; what differs from case to case is `…`. */
  readonly message: string;
}

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** Finds `new AppError('code', 'REASON', 'text')` and `['code', 'REASON', 'text']`, as constraints are mapped. */
export function errorLiterals(source: string): readonly ErrorLiteral[] {
  const found: ErrorLiteral[] = [];
  visit(parseAst(source, { lang: 'ts' }) as unknown as Node, (node) => {
    if (node.type === 'NewExpression' && isNode(node['callee']) && node['callee']['name'] === 'AppError') {
      found.push(...combinations(node['arguments'] as readonly Node[]));
    }
    if (node.type === 'ArrayExpression') {
      const elements = node['elements'] as readonly (Node | null)[];
      if (elements.length === 3) found.push(...combinations(elements.filter(isNode)));
    }
  });
  return found;
}

/** A reason can depend on a condition; one that comes from elsewhere is passed on, and documented where it is born. */
function combinations([code, reason, message]: readonly Node[]): readonly ErrorLiteral[] {
  const codes = textsOf(code).filter((text): text is ErrorCode => errorCodes.some((known) => known === text));
  const reasons = textsOf(reason).filter((text) => /^[A-Z][A-Z0-9_]+$/.test(text));
  const text = textsOf(message)[0] ?? '…';
  return reasons.flatMap((name) => codes.map((known) => ({ code: known, reason: name, message: text })));
}

function textsOf(node: Node | undefined): readonly string[] {
  switch (node?.type) {
    case 'Literal':
      return typeof node['value'] === 'string' ? [node['value']] : [];
    case 'TemplateLiteral':
      return [(node['quasis'] as readonly { value: { cooked: string } }[]).map(({ value }) => value.cooked).join('…')];
    case 'ConditionalExpression':
      return [...textsOf(node['consequent'] as Node), ...textsOf(node['alternate'] as Node)];
    default:
      return [];
  }
}

function visit(node: Node, seen: (node: Node) => void): void {
  seen(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child, seen);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}
