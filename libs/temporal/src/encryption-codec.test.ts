import { defaultPayloadConverter } from '@temporalio/common';
import { expect, test } from 'vitest';
import { createEncryptionCodec } from './encryption-codec.ts';

const payload = defaultPayloadConverter.toPayload({ secretWord: 'tangerine' });

test('what is sealed cannot be read, and opens as it was', async () => {
  const codec = createEncryptionCodec(['secret-number-one']);
  const [sealed] = await codec.encode([payload]);
  expect(Buffer.from(sealed?.data ?? []).toString('latin1')).not.toContain('tangerine');
  const [opened] = await codec.decode(sealed === undefined ? [] : [sealed]);
  expect(opened && defaultPayloadConverter.fromPayload(opened)).toEqual({ secretWord: 'tangerine' });
});

test('an older secret still opens; an unknown one, or a changed byte, does not', async () => {
  const [sealed] = await createEncryptionCodec(['older-secret-here']).encode([payload]);
  if (sealed === undefined) throw new Error('nothing was sealed');
  const [opened] = await createEncryptionCodec(['newer-secret-here', 'older-secret-here']).decode([sealed]);
  expect(opened && defaultPayloadConverter.fromPayload(opened)).toEqual({ secretWord: 'tangerine' });
  await expect(createEncryptionCodec(['newer-secret-here']).decode([sealed])).rejects.toMatchObject({
    reason: 'PAYLOAD_KEY_UNKNOWN',
  });
  const data = Buffer.from(sealed.data ?? []);
  data[20] = (data[20] ?? 0) ^ 1;
  await expect(createEncryptionCodec(['older-secret-here']).decode([{ ...sealed, data }])).rejects.toThrow();
});

test('plain payloads of before are left as they are', async () => {
  expect(await createEncryptionCodec(['secret-number-one']).decode([payload])).toEqual([payload]);
});
