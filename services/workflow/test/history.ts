import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createEncryptionCodec } from '@flotilla/temporal';
import { eventually } from '@flotilla/testing';
import { Client, Connection } from '@temporalio/client';
import { type historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { expect } from 'vitest';

export type History = ReturnType<typeof historyFromJSON>;

/** What was recorded, and stays: also the histories that older code made must be replayed. `FLOTILLA_RECORD_HISTORIES=1` adds those that are missing. */
export const recordings = fileURLToPath(new URL('fixtures/histories', import.meta.url));
const bundle = fileURLToPath(new URL('../dist/workflows.js', import.meta.url));
const codec = createEncryptionCodec(['secret-of-the-payloads']);

/** Throws where today's workflow code would do something else than what the history says it did. */
export function replay(history: History): Promise<void> {
  const dataConverter = { payloadCodecs: [codec] };
  return Worker.runReplayHistory({ workflowBundle: { codePath: bundle }, dataConverter }, history);
}

/** Reads the histories of runs at a Temporal server. */
export interface Histories {
  /** Of a run that has ended: one history, or as many as it was continued in, the first one first. */
  of(instanceId: string): Promise<readonly History[]>;
  close(): Promise<void>;
}

export async function readHistories(address: string): Promise<Histories> {
  const connection = await Connection.connect({ address });
  const { workflow } = new Client({ connection });
  return {
    async of(instanceId) {
      const handle = workflow.getHandle(instanceId);
      await eventually(async () => (await handle.describe()).status.name !== 'RUNNING');
      const histories = [await handle.fetchHistory()];
      for (;;) {
        const started = histories[0]?.events?.[0]?.workflowExecutionStartedEventAttributes;
        const before = started?.continuedExecutionRunId ?? '';
        if (before === '') return histories;
        histories.unshift(await workflow.getHandle(instanceId, before).fetchHistory());
      }
    },
    close: () => connection.close(),
  };
}

/** A history holds ids only, and is what today's code would do. Recorded where that is asked for. */
export async function checkHistory(name: string, instanceId: string, history: History): Promise<void> {
  const json = historyToJSON(history);
  const file = `${recordings}/${name}.json`;
  if (process.env['FLOTILLA_RECORD_HISTORIES'] === '1' && !existsSync(file)) {
    writeFileSync(file, `${JSON.stringify(JSON.parse(json))}\n`);
  }
  const sealed = payloadsIn(JSON.parse(json));
  const texts = (await codec.decode(sealed)).map(({ data }) => Buffer.from(data ?? []).toString());
  expect(texts.length).toBeGreaterThan(1);
  expect(texts.join()).toContain(instanceId);
  expect(texts.join()).not.toMatch(/CVE|valkey|severity|127\.0\.0\.1|Summarise/);
  await replay(history);
}

interface Sealed {
  metadata: Record<string, Uint8Array>;
  data: Uint8Array;
}

/** Every payload of a history in JSON form, at any depth. */
function payloadsIn(value: unknown): Sealed[] {
  if (typeof value !== 'object' || value === null) return [];
  const { metadata, data } = value as { metadata?: Record<string, string>; data?: string };
  if (metadata !== undefined && typeof data === 'string') {
    const bytes = (text: string) => Buffer.from(text, 'base64');
    return [
      {
        metadata: Object.fromEntries(Object.entries(metadata).map(([name, text]) => [name, bytes(text)])),
        data: bytes(data),
      },
    ];
  }
  return Object.values(value).flatMap(payloadsIn);
}
