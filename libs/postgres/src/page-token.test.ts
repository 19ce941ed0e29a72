import { expect, test } from 'vitest';
import { newId } from './id.ts';
import { pageSizeOf, pageToken, toPage } from './page-token.ts';
import { checkRevision, revisionOf } from './revision.ts';

test('a cursor survives its token', () => {
  const cursor = { id: newId(), createdAt: new Date('2026-11-23T10:00:00.123Z') };
  expect(pageToken.decode(pageToken.encode(cursor))).toEqual(cursor);
  expect(pageToken.decode(pageToken.encode({ id: cursor.id }))).toEqual({ id: cursor.id });
  expect(pageToken.decode('')).toBeUndefined();
});

test.each([
  'x',
  'AAAA',
  Buffer.from(`${newId()} never`).toString('base64url'),
  Buffer.from(`${newId()}' or 1=1`).toString('base64url'),
  '\0',
])('%j is no page token', (token) => {
  expect(() => pageToken.decode(token)).toThrow(expect.objectContaining({ reason: 'PAGE_TOKEN_INVALID' }));
});

test('the extra row becomes the next page', () => {
  const rows = [{ id: newId() }, { id: newId() }, { id: newId() }];
  const page = toPage(rows, 2);
  expect(page.rows).toHaveLength(2);
  expect(pageToken.decode(page.nextPageToken)).toEqual({ id: rows[1]?.id });
  expect(toPage(rows, 3).nextPageToken).toBe('');
  expect([pageSizeOf(0), pageSizeOf(7), pageSizeOf(9999)]).toEqual([50, 7, 200]);
});

test('an etag is a revision or refused; an empty one checks nothing', () => {
  expect(revisionOf('3')).toBe(3);
  for (const etag of ['0', '-1', '1.5', 'x', '99999999999', ' 1']) expect(() => revisionOf(etag)).toThrow();
  expect(() => checkRevision({ revision: 4 }, '3')).toThrow(expect.objectContaining({ reason: 'REVISION_MISMATCH' }));
  checkRevision({ revision: 4 }, '');
});

test('ids are version 7 and sort by creation, also within a millisecond', () => {
  const ids = Array.from({ length: 20_000 }, () => newId());
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Math.abs(Number.parseInt((ids[0] ?? '').replaceAll('-', '').slice(0, 12), 16) - Date.now())).toBeLessThan(
    60_000,
  );
});
