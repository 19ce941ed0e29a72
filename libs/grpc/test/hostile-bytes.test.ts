import { create, toBinary } from '@bufbuild/protobuf';
import { TenantService, UpdateTenantRequestSchema } from '@flotilla/contracts/identity';
import type { AppError } from '@flotilla/errors';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { fromServiceError } from '../src/index.ts';
import { partly, startServer, tokenFor } from './harness.ts';

const id = '01938f5e-7b7a-7000-8000-000000000001';
const request = (init: object) =>
  Buffer.from(toBinary(UpdateTenantRequestSchema, create(UpdateTenantRequestSchema, { id, ...init })));

/** Sends bytes as they are, past every client. */
function send(
  port: number,
  bytes: Buffer,
  entries: Record<string, string>,
  path = 'UpdateTenant',
): Promise<AppError | 'answered'> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return new Promise((resolve) => {
    const asIs = (value: Buffer) => value;
    client.makeUnaryRequest(
      `/flotilla.identity.v1.TenantService/${path}`,
      asIs,
      asIs,
      bytes,
      metadata,
      { deadline: Date.now() + 5_000 },
      (error) => {
        client.close();
        resolve(error === null ? 'answered' : fromServiceError(error));
      },
    );
  });
}

test('bytes that are no message, no text or too deep are refused precisely, and the server goes on', async () => {
  let ran = 0;
  const { port, lines } = await startServer([
    partly(TenantService, {
      updateTenant: async () => {
        ran += 1;
        return { id };
      },
    }),
  ]);
  const authorization = `Bearer ${await tokenFor({ permissions: ['tenants:write'] })}`;
  const malformed = { code: 'invalid_argument', reason: 'MALFORMED_MESSAGE' };

  expect(await send(port, Buffer.from([0xff, 0xff, 0xff]), { authorization })).toMatchObject(malformed);
  expect(await send(port, request({ name: 'x'.repeat(100) }).subarray(0, 80), { authorization })).toMatchObject(
    malformed,
  );
  const notText = request({ name: 'aaaa' });
  notText.fill(0xc3, notText.indexOf('aaaa'), notText.indexOf('aaaa') + 4); // lone leading bytes are no UTF-8
  expect(await send(port, notText, { authorization })).toMatchObject(malformed);
  expect(await send(port, deepStruct(50_000), { authorization })).toMatchObject(malformed);
  const nul = request({ settings: { a: [{ b: 'c\0d' }] } });
  expect(await send(port, nul, { authorization })).toMatchObject({
    code: 'invalid_argument',
    reason: 'INVALID_REQUEST',
  });
  expect(ran).toBe(0);
  expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  expect(await send(port, deepStruct(3), { authorization })).toBe('answered');
});

test('strange metadata is no way in', async () => {
  const { port } = await startServer([partly(TenantService, { updateTenant: async () => ({ id }) })]);
  const token = await tokenFor({ permissions: ['tenants:write'] });
  const missing = { code: 'unauthenticated', reason: 'TOKEN_MISSING' };
  const fine = request({ name: 'a' });
  for (const authorization of ['', token, `Basic ${token}`, `Bearer ${token} ${token}`]) {
    expect(await send(port, fine, { authorization })).toMatchObject(missing);
  }
  expect(await send(port, fine, { 'x-tenant-id': id, 'x-user-id': 'root' })).toMatchObject(missing);
  expect(await send(port, fine, { authorization: `Bearer ${token}`, traceparent: "00-' or 1=1" })).toBe('answered');
  expect(await send(port, fine, { authorization: `Bearer ${token}` }, 'Nothing')).toMatchObject({
    code: 'internal',
    reason: 'PEER_ERROR',
  });
});

/** `[[[[…]]]]` as a value of the settings, built from the inside: no encoder would go so deep. */
function deepStruct(depth: number): Buffer {
  const inner: Buffer[] = []; // the outermost last
  let length = 0;
  const wrap = (tag: number) => {
    const prefix = Buffer.concat([Buffer.from([tag]), varint(length)]);
    inner.push(prefix);
    length += prefix.length;
  };
  for (let level = 0; level < depth; level += 1) {
    wrap(0x0a); // ListValue.values
    wrap(0x32); // Value.list_value
  }
  wrap(0x12); // the map entry's value
  wrap(0x0a); // Struct.fields
  wrap(0x2a); // UpdateTenantRequest.settings
  return Buffer.concat([request({}), ...inner.reverse()]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
