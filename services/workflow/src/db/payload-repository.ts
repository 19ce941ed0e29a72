import type { ReadTx, Tx } from '@flotilla/postgres';
import type { JsonValue } from '../domain/json.ts';
import { toColumn } from './json-column.ts';
import type { Schema } from './schema.ts';

/** A value of more characters of JSON lies beside the journal. */
const LARGE = 64 * 1024;
const FIELDS = ['input', 'facts', 'undo', 'output'] as const;

/** Text of JSON that does not lie where it belongs but beside the journal. */
export function isLarge(text: string): boolean {
  return text.length > LARGE;
}

/** A value that lies beside the journal. */
export interface Payload {
  readonly seq: number;
  readonly field: string;
  readonly value: string;
}

/** The text of an entry. Its large values are added to `beside`, and named in `large`. */
export function packEntry(seq: number, entry: object, beside: Payload[]): string {
  const text = toColumn(entry as never);
  if (!isLarge(text)) return text;
  const rest: Record<string, unknown> = { ...entry };
  const large: string[] = [];
  for (const field of FIELDS) {
    const value = rest[field] === undefined ? '' : toColumn(rest[field] as JsonValue);
    if (!isLarge(value)) continue;
    large.push(field);
    delete rest[field];
    beside.push({ seq, field, value });
  }
  return toColumn({ ...rest, large } as never);
}

/** Keeps what {@link packEntry} put aside; the row of the run is there already. */
export function insertPayloads(tx: Tx<Schema>, instanceId: string, payloads: readonly Payload[]): void {
  for (const payload of payloads) {
    const row = { tenant_id: tx.scope.tenantId, instance_id: instanceId, ...payload };
    tx.send(tx.insertInto('workflow_payloads').values(row).compile());
  }
}

interface Packed {
  readonly large?: readonly string[];
}

/** Puts large values back into entries, and answers how many characters they have. */
export async function unpackEntries(
  tx: ReadTx<Schema>,
  instanceId: string,
  entries: readonly { readonly seq: number; readonly entry: object }[],
): Promise<number> {
  const bySeq = new Map(
    entries.filter(({ entry }) => (entry as Packed).large !== undefined).map((one) => [one.seq, one.entry]),
  );
  if (bySeq.size === 0) return 0;
  const rows = await tx
    .selectFrom('workflow_payloads')
    .select(['seq', 'field', 'value'])
    .where('instance_id', '=', instanceId)
    .where('seq', 'in', [...bySeq.keys()])
    .execute();
  for (const { seq, field, value } of rows) Object.assign(bySeq.get(seq) ?? {}, { [field]: JSON.parse(value) });
  for (const entry of bySeq.values()) delete (entry as { large?: unknown }).large;
  return rows.reduce((sum, { value }) => sum + value.length, 0);
}

/** A large value of one entry. */
export async function findPayload(
  tx: ReadTx<Schema>,
  instanceId: string,
  seq: number,
  field: (typeof FIELDS)[number],
): Promise<JsonValue> {
  const row = await tx
    .selectFrom('workflow_payloads')
    .select('value')
    .where('instance_id', '=', instanceId)
    .where('seq', '=', seq)
    .where('field', '=', field)
    .executeTakeFirstOrThrow();
  return JSON.parse(row.value) as JsonValue;
}
