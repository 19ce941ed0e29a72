import { expect, test } from 'vitest';
import { type InputPart, looksLike, type MediaType, tokensOf, toMediaType } from './input.ts';

test.each<[MediaType, string]>([
  ['image/png', '\x89PNG\r\n\x1a\n…'],
  ['image/jpeg', '\xff\xd8\xff\xe0'],
  ['image/gif', 'GIF89a'],
  ['image/webp', 'RIFF\x01\x02\x03\x04WEBPVP8 '],
  ['application/pdf', '%PDF-1.7'],
  ['audio/wav', 'RIFF\x01\x02\x03\x04WAVEfmt '],
  ['audio/mpeg', '\xff\xfb\x90'],
])('%s is known by its beginning, and nothing else is taken for it', (mediaType, beginning) => {
  const data = Buffer.from(beginning, 'latin1');
  expect(looksLike(mediaType, data)).toBe(true);
  expect(looksLike(mediaType, data.subarray(0, 1))).toBe(false);
  expect(looksLike(mediaType, Buffer.from('<html>'))).toBe(false);
});

test('what no provider takes is no media type', () => {
  expect(['image/png', 'image/svg+xml', 'constructor'].map(toMediaType)).toEqual(['image/png', undefined, undefined]);
});

test('parts are taken for about as many tokens as they use', () => {
  const file = (mediaType: MediaType, bytes: number): InputPart => ({
    type: 'file',
    mediaType,
    fileName: '',
    sha256: '',
    bytes,
  });
  expect(tokensOf([{ type: 'text', text: 'x'.repeat(400) }])).toBe(100);
  expect(tokensOf([file('image/png', 10), file('image/jpeg', 1_000_000)])).toBe(4_000);
  expect(tokensOf([file('application/pdf', 10_000), file('audio/wav', 10_000), file('audio/mpeg', 1)])).toBe(5_600);
});
