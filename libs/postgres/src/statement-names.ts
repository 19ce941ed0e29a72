// Where texts are made from what callers ask for, there are many that never come again.
const maxTexts = 2_000;
const maxNames = 400;

/** What is known of a statement by its text. */
export interface KnownStatement {
  readonly name: string | undefined;
  /** Whether it writes by itself. A function may write without it. */
  readonly writes: boolean;
}

const uses = new Map<string, number>();
const known = new Map<string, KnownStatement>();

/**
 * The name is that under which a connection keeps the parsed and planned statement: only a text that comes again gets one, and
 * only so many do, for the server keeps each on every connection. They are statements of the protocol, which a pooler in
 * transaction mode carries over (PgBouncer from 1.21 on). Each holds a plan and no value of any tenant.
 */
export function knownStatement(text: string): KnownStatement {
  const statement = known.get(text);
  if (statement !== undefined) return statement;
  const writes = isWrite(text);
  if (known.size >= maxNames) return { name: undefined, writes };
  const seen = (uses.get(text) ?? 0) + 1;
  if (seen > 1) {
    uses.delete(text);
    const named = { name: `s${known.size}`, writes };
    known.set(text, named);
    return named;
  }
  if (uses.size >= maxTexts) uses.clear();
  uses.set(text, seen);
  return { name: undefined, writes };
}

function isWrite(text: string): boolean {
  return (
    /^\s*(insert|update|delete|merge)\b/i.test(text) || (/^\s*with\b/i.test(text) && /\binsert into\b/i.test(text))
  );
}
