import { AppError } from '@flotilla/errors';

/** The header's value for a resource's etag. */
export function entityTag(etag: string): string {
  return `"${etag}"`;
}

/** What an `If-Match` header demands; `undefined` where any state will do (`*`). */
export function expectedEtag(header: string): string | undefined {
  const wanted = header.trim();
  if (wanted === '*') return undefined;
  const strong = /^"([\x21\x23-\x7e]{1,32})"$/.exec(wanted);
  if (strong?.[1] === undefined) {
    throw new AppError('invalid_argument', 'INVALID_IF_MATCH', 'If-Match takes one strong entity tag, such as "3".');
  }
  return strong[1];
}

/** Whether an `If-None-Match` header names this etag: the client has it already. */
export function isKnown(header: string, etag: string): boolean {
  const known = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes('*') || known.includes(entityTag(etag));
}
