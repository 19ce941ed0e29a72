import { expect, test } from 'vitest';
import type { Instance } from '../db/instance-repository.ts';
import type { Recorded } from '../domain/journal.ts';
import { createNews, type Written } from './news.ts';

const entry: Recorded = { kind: 'instance_completed', output: {}, occurredAt: '2026-01-01T00:00:00Z' };
const written = (behind: number, entries = 1): Written => ({
  instance: { id: 'run' } as Instance,
  behind,
  entries: Array.from({ length: entries }, () => entry),
});
const never = new AbortController().signal;

test('a follower hears what was told since it asked last, and what comes while it waits', async () => {
  const news = createNews();
  const following = news.follow('run');
  news.tell(written(0, 2));
  news.tell(written(2));
  expect((await following.next(60_000, never)).map(({ behind }) => behind)).toEqual([0, 2]);
  const next = following.next(60_000, never);
  news.tell(written(3));
  expect((await next).map(({ behind }) => behind)).toEqual([3]);
  following.end();
  news.tell(written(4));
  expect(await following.next(1, never)).toEqual([]);
});

test('nothing is heard within the time, nor by one who stops: both have to look', async () => {
  const following = createNews().follow('run');
  expect(await following.next(1, never)).toEqual([]);
  expect(await following.next(60_000, AbortSignal.abort())).toEqual([]);
});

test('one who does not ask is not told everything, but at once that there was something', async () => {
  const news = createNews();
  const following = news.follow('run');
  for (let at = 0; at < 300; at += 100) news.tell(written(at, 100));
  expect(await following.next(60_000, never)).toEqual([]);
  news.tell(written(300));
  expect((await following.next(60_000, never)).map(({ behind }) => behind)).toEqual([300]);
});
