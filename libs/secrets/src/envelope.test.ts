import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createEncryptionKeyring, open, rewrap, type SealedPlace, seal, secretsOf } from './index.ts';

const older = 'older-secret-of-the-fleet';
const newer = 'newer-secret-of-the-fleet';
const place: SealedPlace = { tenantId: 'tenant-a', table: 'llm_providers', row: 'row-1', column: 'sealed_secret' };
const keyringOf = (...secrets: string[]) => createEncryptionKeyring(() => secrets);
const invalid = expect.objectContaining({ code: 'internal', reason: 'CIPHERTEXT_INVALID' });
const unknownKey = expect.objectContaining({ code: 'internal', reason: 'ENCRYPTION_KEY_UNKNOWN' });

test('a secret opens in its place as it was, and no two sealings of it look alike', () => {
  const keyring = keyringOf(older);
  const sealed = [1, 2].map(() => seal(keyring, place, 'sk-canary-äöü'));
  expect(sealed.map((bytes) => open(keyring, place, bytes))).toEqual(['sk-canary-äöü', 'sk-canary-äöü']);
  expect(sealed[0]).not.toEqual(sealed[1]);
  // Neither the data keys nor the ciphertexts are shared: behind the head nothing is the same.
  expect(sealed[0]?.subarray(9, 69)).not.toEqual(sealed[1]?.subarray(9, 69));
  expect(sealed[0]?.subarray(-20)).not.toEqual(sealed[1]?.subarray(-20));
  expect(sealed.join()).not.toContain('canary');
  expect(open(keyring, place, seal(keyring, place, ''))).toBe('');
});

test.each([
  { ...place, tenantId: 'tenant-b' },
  { ...place, table: 'llm_provider' },
  { ...place, row: 'row-2' },
  { ...place, column: 'other' },
  { ...place, table: 'llm_providers","row-1', row: '' },
])('moved to $tenantId/$table/$row/$column it does not open, nor is it wrapped again', (elsewhere) => {
  const sealed = seal(keyringOf(older), place, 'sk-canary');
  expect(() => open(keyringOf(older), elsewhere, sealed)).toThrow(invalid);
  expect(() => rewrap(keyringOf(newer, older), elsewhere, sealed)).toThrow(invalid);
});

test('a change of any byte is noticed, and so is a missing end', () => {
  const keyring = keyringOf(older);
  const sealed = seal(keyring, place, 'sk-canary');
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const isKeyId = at >= 1 && at < 9;
    expect(() => open(keyring, place, changed), `byte ${at}`).toThrow(isKeyId ? unknownKey : invalid);
  }
  for (const length of [0, 1, 9, 60, sealed.length - 1]) {
    expect(() => open(keyring, place, sealed.subarray(0, length))).toThrow(invalid);
  }
});

test('parts of two values of one place cannot be put together', () => {
  const keyring = keyringOf(older);
  const [a, b] = [seal(keyring, place, 'one'), seal(keyring, place, 'two')];
  expect(() => open(keyring, place, Buffer.concat([a.subarray(0, 69), b.subarray(69)]))).toThrow(invalid);
});

test('rotation: old keys still read, wrapping again leaves the ciphertext alone and needs no second time', () => {
  const sealed = seal(keyringOf(older), place, 'sk-canary');
  const rotating = keyringOf(newer, older);
  expect(open(rotating, place, sealed)).toBe('sk-canary');
  const wrapped = rewrap(rotating, place, sealed) ?? Buffer.of();
  expect(wrapped.subarray(69)).toEqual(sealed.subarray(69));
  expect(wrapped.subarray(1, 9).toString('hex')).toBe(rotating.sealing.id);
  expect(rewrap(rotating, place, wrapped)).toBeUndefined();
  // The old key can go; who has only that one cannot read any more.
  expect(open(keyringOf(newer), place, wrapped)).toBe('sk-canary');
  expect(() => open(keyringOf(older), place, wrapped)).toThrow(unknownKey);
});

test('keys of a file are read again while running: when told to, and when an unknown key turns up', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyring-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'secrets');
  let now = 0;
  writeFileSync(file, '\n');
  const keyring = createEncryptionKeyring(secretsOf({ secrets: [older], file }), () => now);
  const sealedByOlder = seal(keyring, place, 'before');
  writeFileSync(file, `${newer}\n`);
  // Another replica was told first.
  const sealedByNewer = seal(keyringOf(newer, older), place, 'after');
  expect(open(keyring, place, sealedByNewer)).toBe('after');
  expect(keyring.sealing.id).toBe(keyringOf(newer).sealing.id);
  expect(open(keyring, place, sealedByOlder)).toBe('before');

  // A broken file takes no key away; only who reloads is told.
  writeFileSync(file, 'short\n');
  expect(() => keyring.reload()).toThrow(expect.objectContaining({ reason: 'ENCRYPTION_SECRETS_INVALID' }));
  now += 10_000;
  expect(keyring.find('0000000000000000')).toBeUndefined();
  expect(open(keyring, place, sealedByNewer)).toBe('after');

  // However many unknown keys turn up, the file is looked at once a second.
  const third = keyringOf('third-secret-of-the-fleet').sealing.id;
  writeFileSync(file, 'third-secret-of-the-fleet\n');
  expect(keyring.find(third)).toBeUndefined();
  now += 1_000;
  expect(keyring.find(third)).toBeDefined();
});

test.each([[[]], [['']], [[newer, 'short']]])('%j are no secrets to encrypt with, and are not shown', (secrets) => {
  expect(() => createEncryptionKeyring(() => secrets)).toThrow(
    expect.objectContaining({ reason: 'ENCRYPTION_SECRETS_INVALID', message: expect.not.stringContaining('short') }),
  );
});
