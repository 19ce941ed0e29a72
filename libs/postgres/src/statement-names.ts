// Where texts are made from what callers ask for, there are many that never come again.
const maxTexts = 2_000;
const maxNames = 400;

const uses = new Map<string, number>();
const names = new Map<string, string>();

/**
 * The name under which a connection keeps the parsed and planned statement: only a text that comes again gets one, and
 * only so many do, for the server keeps each on every connection. They are statements of the protocol, which a pooler in
 * transaction mode carries over (PgBouncer from 1.21 on). Each holds a plan and no value of any tenant.
 */
export function statementName(text: string): string | undefined {
  const name = names.get(text);
  if (name !== undefined || names.size >= maxNames) return name;
  const seen = (uses.get(text) ?? 0) + 1;
  if (seen > 1) {
    uses.delete(text);
    names.set(text, `s${names.size}`);
    return names.get(text);
  }
  if (uses.size >= maxTexts) uses.clear();
  uses.set(text, seen);
  return undefined;
}
