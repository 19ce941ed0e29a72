import { expect, test } from 'vitest';
import type { ExecutionNews } from '../db/update-repository.ts';
import { createAnswerLog } from './answer-log.ts';

const soon = { ms: 1, characters: 256 };
const never = { ms: 60_000, characters: 1_000_000 };

function recorder() {
  const written: ExecutionNews[] = [];
  const write = async (news: readonly ExecutionNews[]) => {
    written.push(...news);
    return true;
  };
  return { written, write };
}

test('pieces are gathered, numbered from the cursor, and none is lost', async () => {
  const { written, write } = recorder();
  const log = createAnswerLog({ cursor: 1, write, onLost: () => undefined, gather: soon });
  const text = 'word '.repeat(500);
  for (const piece of text.match(/.{1,7}/gs) ?? []) log.add(piece);
  const { news, lastCursor } = await log.close();
  const all = [...written, ...news];
  expect(all.map((item) => (item.kind === 'text' ? item.text : '')).join('')).toBe(text);
  expect(all.map(({ cursor }) => cursor)).toEqual(all.map((_item, index) => index + 2));
  expect(lastCursor).toBe(all.at(-1)?.cursor);
});

test('news whose write failed is written again word for word', async () => {
  const tries: string[] = [];
  const again = Promise.withResolvers<void>();
  const write = async (news: readonly ExecutionNews[]) => {
    tries.push(JSON.stringify(news[0]));
    if (tries.length === 1) throw new Error('away');
    again.resolve();
    return true;
  };
  const log = createAnswerLog({ cursor: 0, write, onLost: () => undefined, gather: soon });
  log.add('one');
  await again.promise;
  log.add('two');
  await log.close();
  expect(tries[1]).toBe(tries[0]);
});

test('a restart voids what nobody has been told', async () => {
  const { write } = recorder();
  const log = createAnswerLog({ cursor: 1, write, onLost: () => undefined, gather: never });
  log.add('void');
  log.restart(2, 'PROVIDER_UNAVAILABLE');
  log.add('said');
  expect(await log.close()).toEqual({
    news: [
      { cursor: 2, kind: 'restarted', attempt: 2, reason: 'PROVIDER_UNAVAILABLE' },
      { cursor: 3, kind: 'text', text: 'said' },
    ],
    lastCursor: 3,
  });
});

test('a character is never cut in half', async () => {
  const { written, write } = recorder();
  const log = createAnswerLog({ cursor: 0, write, onLost: () => undefined, gather: { ms: 60_000, characters: 2 } });
  log.add('a\ud83d');
  log.add('\ude00');
  const { news } = await log.close();
  expect([...written, ...news].map((item) => (item.kind === 'text' ? item.text : ''))).toEqual(['a', '😀']);
});

test('who lost the execution hears of it', async () => {
  const lost = Promise.withResolvers<void>();
  const log = createAnswerLog({ cursor: 0, write: async () => false, onLost: lost.resolve, gather: soon });
  log.add('text');
  await lost.promise;
  await log.close();
});

test('a flood is told in pieces of a size that everybody can hold, and no character is split', async () => {
  const { written, write } = recorder();
  const log = createAnswerLog({ cursor: 0, write, onLost: () => undefined, gather: never });
  const text = `x${'😀'.repeat(50_000)}`;
  log.add(text);
  const texts = [...written, ...(await log.close()).news].map((item) => (item.kind === 'text' ? item.text : ''));
  expect(texts.join('')).toBe(text);
  expect(Math.max(...texts.map(({ length }) => length))).toBeLessThanOrEqual(16_384);
  expect(texts.every((piece) => piece.isWellFormed())).toBe(true);
});

test('while nobody follows, more is gathered into one piece', async () => {
  const { written, write } = recorder();
  let isFollowed = false;
  const gather = { ms: 60_000, characters: 10 };
  const log = createAnswerLog({ cursor: 1, write, onLost: () => undefined, gather, isFollowed: () => isFollowed });
  for (let words = 0; words < 9; words += 1) log.add('ten chars ');
  expect(written).toEqual([]);
  isFollowed = true;
  log.add('!');
  const { news } = await log.close();
  expect(news).toEqual([]);
  expect(written).toMatchObject([{ kind: 'text', text: `${'ten chars '.repeat(9)}!` }]);
});
