const secretName =
  /authorization|cookie|passw(or)?d|passphrase|secret|credential|private_?key|api_?key|^key$|(^|_|[a-z])token$|^jwt$|jwks$|connection_?string/i;
const maxDepth = 8;

/** A copy without the values under names that sound like secrets, and without passwords in URLs. Never throws on cycles. */
export function redacted(values: Record<string, unknown>): Record<string, unknown> {
  return copyOf(values, 0) as Record<string, unknown>;
}

function copyOf(value: unknown, depth: number): unknown {
  if (typeof value === 'string')
    return value.includes('://') ? value.replace(/(:\/\/[^/\s:@]*:)[^/\s@]*@/g, '$1…@') : value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || value instanceof Error || value instanceof Date) return value;
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  if (depth >= maxDepth) return '…';
  if (Array.isArray(value)) return value.map((item) => copyOf(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, secretName.test(name) ? '[redacted]' : copyOf(item, depth + 1)]),
  );
}
