/**
 * Splits SQL into statements, lower case, without comments, strings and function bodies: what a linter may look at.
 * Not a parser: it knows quoting, nothing else.
 */
export function statementsOf(sql: string): readonly string[] {
  const statements: string[] = [];
  let current = '';
  for (let at = 0; at < sql.length; ) {
    const skipped = skip(sql, at);
    if (skipped > at) {
      current += ' ';
      at = skipped;
    } else {
      const char = sql.charAt(at++);
      if (char === ';') {
        statements.push(current);
        current = '';
      } else {
        current += char;
      }
    }
  }
  return [...statements, current].map((text) => text.replace(/\s+/g, ' ').trim().toLowerCase()).filter(Boolean);
}

/** The index behind a comment, string or dollar-quoted body that begins here; the same index when none does. */
function skip(sql: string, at: number): number {
  if (sql.startsWith('--', at)) return endOf(sql, '\n', at);
  if (sql.startsWith('/*', at)) return endOf(sql, '*/', at + 2);
  if (sql[at] === "'") {
    let end = at + 1;
    for (;;) {
      end = endOf(sql, "'", end);
      if (sql[end] !== "'") return end;
      end += 1;
    }
  }
  if (sql[at] === '$' && !/\w/.test(sql[at - 1] ?? '')) {
    const tag = /^\$(\w*)\$/.exec(sql.slice(at, at + 66))?.[0];
    if (tag !== undefined) return endOf(sql, tag, at + tag.length);
  }
  return at;
}

function endOf(sql: string, what: string, from: number): number {
  const found = sql.indexOf(what, from);
  return found === -1 ? sql.length : found + what.length;
}
