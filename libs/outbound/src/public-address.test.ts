import { expect, test } from 'vitest';
import { checkTarget, isPublicAddress } from './public-address.ts';

test('only addresses of the public internet are public, in whatever notation', () => {
  const inside = [
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '0.0.0.0',
    '100.64.0.1',
    '::1',
    '::',
  ];
  const disguised = [
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    'fe80::1',
    'fc00::1',
    '64:ff9b::7f00:1',
    '224.0.0.1',
    'localhost',
    '',
  ];
  expect([...inside, ...disguised].filter(isPublicAddress)).toEqual([]);
  expect(['93.184.215.14', '2606:2800:220:1::1'].filter((address) => !isPublicAddress(address))).toEqual([]);
});

test('a private address is refused in every way of writing it, unless its host and port are allowed by name', () => {
  const refused = { reason: 'HTTP_TARGET_PRIVATE' };
  for (const url of [
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://[::1]/',
    'http://[::ffff:10.0.0.1]:80/',
  ]) {
    expect(() => checkTarget(new URL(url), new Set())).toThrow(expect.objectContaining(refused));
  }
  const allowed = new Set(['127.0.0.1:7408']);
  expect(checkTarget(new URL('http://127.0.0.1:7408/records'), allowed)).toEqual({});
  expect(() => checkTarget(new URL('http://127.0.0.1:7409/'), allowed)).toThrow(expect.objectContaining(refused));
});

test('a name is checked by what it resolves to, and the connection takes that very answer', async () => {
  const { lookup } = checkTarget(new URL('http://localhost:5432/'), new Set());
  const answer = await new Promise((resolve) => lookup?.('localhost', { all: true }, (error) => resolve(error)));
  expect(answer).toMatchObject({ reason: 'HTTP_TARGET_PRIVATE' });
});
