import { AppError } from '@flotilla/errors';
import { type Expression, type ExpressionBuilder, type SqlBool, sql } from 'kysely';

/** The last row of a page: the next one begins behind it. */
export interface Cursor {
  readonly id: string;
  /** When the order is by time first. Time-ordered ids make it needless. */
  readonly createdAt?: Date | undefined;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Opaque text for a cursor. Holds nothing that the page did not show, and grants nothing: row-level security decides. */
export const pageToken = {
  encode({ id, createdAt }: Cursor): string {
    return Buffer.from(createdAt === undefined ? id : `${id} ${createdAt.toISOString()}`).toString('base64url');
  },

  /** @throws AppError `invalid_argument PAGE_TOKEN_INVALID`; an empty token is the first page: `undefined`. */
  decode(token: string): Cursor | undefined {
    if (token === '') return undefined;
    const [id = '', time, ...rest] = Buffer.from(token, 'base64url').toString('latin1').split(' ');
    const createdAt = time === undefined ? undefined : new Date(time);
    if (!uuid.test(id) || rest.length > 0 || (createdAt && Number.isNaN(createdAt.getTime()))) {
      throw new AppError('invalid_argument', 'PAGE_TOKEN_INVALID', 'The page token is not one of this list.');
    }
    return { id, ...(createdAt && { createdAt }) };
  },
};

/** Page sizes: 0 means the default, larger ones are cut. */
export function pageSizeOf(wanted: number, { byDefault = 50, max = 200 } = {}): number {
  return wanted <= 0 ? byDefault : Math.min(wanted, max);
}

/**
 * Condition for the rows behind the cursor. Order by the same columns in the same direction. Times are compared as
 * milliseconds, as JavaScript keeps them: make the column `timestamptz(3)`, or rows of one millisecond get lost.
 *
 * @example
 * query.where(after('desc', pageToken.decode(request.pageToken))).orderBy('id', 'desc').limit(size + 1)
 */
export function after<DB, TB extends keyof DB>(
  direction: 'asc' | 'desc',
  cursor: Cursor | undefined,
): (eb: ExpressionBuilder<DB, TB>) => Expression<SqlBool> {
  const is = sql.raw(direction === 'asc' ? '>' : '<');
  return () => {
    if (cursor === undefined) return sql<SqlBool>`true`;
    return cursor.createdAt === undefined
      ? sql<SqlBool>`id ${is} ${cursor.id}::uuid`
      : sql<SqlBool>`(created_at, id) ${is} (${cursor.createdAt}::timestamptz, ${cursor.id}::uuid)`;
  };
}

/** An id is made shortly before its row, maybe by another clock. */
const idMarginMs = 600_000;

/**
 * Rows that were created in a time, `before` excluded. Their ids, UUID v7, are bounded too: indexes, and the partitions of months,
 * go by these.
 */
export function createdBetween<DB, TB extends keyof DB>(
  from: Date | undefined,
  before: Date | undefined,
): (eb: ExpressionBuilder<DB, TB>) => Expression<SqlBool> {
  const since =
    from === undefined ? sql`true` : sql`created_at >= ${from} and id >= ${firstIdAt(from, -idMarginMs)}::uuid`;
  const until =
    before === undefined ? sql`true` : sql`created_at < ${before} and id < ${firstIdAt(before, idMarginMs)}::uuid`;
  return () => sql<SqlBool>`(${since} and ${until})`;
}

function firstIdAt(time: Date, marginMs: number): string {
  const hex = Math.max(0, time.getTime() + marginMs)
    .toString(16)
    .padStart(12, '0')
    .slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** Cuts the extra row that tells whether there is a next page. Ask for `size + 1` rows. */
export function toPage<Row extends { readonly id: string }>(
  rows: readonly Row[],
  size: number,
  cursorOf: (row: Row) => Cursor = ({ id }) => ({ id }),
): { readonly rows: readonly Row[]; readonly nextPageToken: string } {
  const page = rows.slice(0, size);
  const last = page.at(-1);
  return { rows: page, nextPageToken: rows.length > size && last ? pageToken.encode(cursorOf(last)) : '' };
}
