import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type ContractEvent, events, withoutPrivateFields } from '@flotilla/contracts';
import { AppError } from '@flotilla/errors';
import { CompiledQuery, newId, type TransactionScope, type Tx } from '@flotilla/postgres';
import { maxCausationDepth } from './domain-event.ts';

/** What happened. */
export interface NewEvent<Desc extends DescMessage> {
  readonly schema: Desc;
  readonly message: MessageInitShape<Desc>;
  /** Of the aggregate's row. */
  readonly id: string;
}

const contractEvents: ReadonlyMap<string, ContractEvent> = new Map(
  events.map((event) => [event.schema.typeName, event]),
);

// Below the size of a record that the topics accept.
const maxPayloadBytes = 1_500_000;

/**
 * Adds an event to the outbox, in the transaction that makes it true. One statement: it counts up `event_seq` on the
 * aggregate's row, which also locks it, so that events of an aggregate are numbered without gaps in commit order.
 * Fields that the contract calls secret or personal are left out.
 *
 * @throws AppError `failed_precondition CAUSATION_TOO_DEEP` when events go round in circles
 * @example
 * await appendEvent(tx, { schema: AgentCreatedSchema, message: { agent: toAgentMessage(agent) }, id: agent.id });
 */
export async function appendEvent<S, Desc extends DescMessage>(tx: Tx<S>, event: NewEvent<Desc>): Promise<void> {
  appendEvents(tx, event.id, [event]);
}

/**
 * Adds several events of one aggregate, in this order and in one statement; none adds nothing.
 *
 * @throws AppError as `appendEvent` does
 * @example
 * appendEvents(tx, run.id, [stepFinished(run), runCompleted(run)]);
 */
export function appendEvents<S>(tx: Tx<S>, id: string, events: readonly NewEvent<DescMessage>[]): void {
  const [first] = events;
  if (first === undefined) return;
  const { aggregate } = contractOf(first);
  const write = { text: bump(aggregate), values: [events.length, id] };
  appendEventsWith(tx, write, events, () => internal(`no row ${id} in ${aggregate} for ${first.schema.typeName}`));
}

/** What writes the row of an aggregate. */
export interface AggregateWrite {
  /**
   * Common table expressions. One of them is `bumped`: it counts `event_seq` up by the number of events, and returns `id`
   * and `event_seq`. Values are `$1`, `$2`, and so on.
   */
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * Adds events, at least one, in the very statement that writes the row of their aggregate: a row that is written anyway is
 * not written again for the sake of its `event_seq`. Where that statement writes no row, the transaction fails.
 *
 * @param absent what that means
 * @example
 * const text = `bumped as (update loans set returned_at = now(), event_seq = event_seq + 1
 *   where id = $1 and returned_at is null returning id, event_seq)`;
 * appendEventsWith(tx, { text, values: [loan.id] }, [loanReturned(loan)], () => alreadyReturned());
 */
export function appendEventsWith<S>(
  tx: Tx<S>,
  write: AggregateWrite,
  events: readonly NewEvent<DescMessage>[],
  absent: () => Error,
): void {
  const encoded = events.map((event) => encode(tx.scope, event));
  const { tenantId, actor, traceparent, causationDepth = 0 } = tx.scope;
  const [first] = encoded;
  if (first === undefined) return;
  const { aggregate, topic, type, payload } = first;
  const values = [
    ...write.values,
    ...[tenantId, aggregate, traceparent ?? null, causationDepth, actor.type, actor.id],
    ...(encoded.length === 1
      ? [newId(), topic, type, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)]
      : [
          encoded.length,
          encoded.map(() => newId()),
          encoded.map((event) => event.topic),
          encoded.map((event) => event.type),
          encoded.map((event) => Buffer.from(event.payload)),
        ]),
  ];
  const sql = textOf(write, encoded.length === 1 ? 'one' : 'several');
  // Without a row to number it by, the event has no aggregate: the table refuses that.
  tx.send(CompiledQuery.raw(sql, values), (error) => {
    const { code, table, column } = error as { code?: unknown; table?: unknown; column?: unknown };
    return code === '23502' && table === 'outbox' && column === 'aggregate_id' ? absent() : error;
  });
}

const bumps = new Map<string, string>();

function bump(aggregate: string): string {
  const text =
    bumps.get(aggregate) ??
    `bumped as (update "${aggregate}" set event_seq = event_seq + $1::integer where id = $2 returning id, event_seq)`;
  bumps.set(aggregate, text);
  return text;
}

const texts = { one: new Map<string, string>(), several: new Map<string, string>() };

/** Callers' texts are few: they carry their values beside them. */
function textOf({ text, values }: AggregateWrite, count: keyof typeof texts): string {
  const known = texts[count].get(text);
  if (known !== undefined) return known;
  const at = (place: number) => `$${values.length + place}`;
  const scope = `${at(3)}, ${at(4)}::integer, ${at(5)}, ${at(6)}`;
  const into = `insert into outbox (id, tenant_id, topic, aggregate, aggregate_id, event_seq, type, payload,
      traceparent, causation_depth, actor_type, actor_id)`;
  const made =
    count === 'one'
      ? `with ${text}
    ${into}
    select ${at(7)}::uuid, ${at(1)}::uuid, ${at(8)}, ${at(2)}, bumped.id, bumped.event_seq, ${at(9)}, ${at(10)}::bytea, ${scope}
    from (select) as one left join bumped on true`
      : `with ${text}
    ${into}
    select e.id, ${at(1)}::uuid, e.topic, ${at(2)}, bumped.id, bumped.event_seq - ${at(7)}::integer + e.place, e.type, e.payload, ${scope}
    from unnest(${at(8)}::uuid[], ${at(9)}::text[], ${at(10)}::text[], ${at(11)}::bytea[])
      with ordinality as e (id, topic, type, payload, place) left join bumped on true
    order by e.place`;
  texts[count].set(text, made);
  return made;
}

function contractOf({ schema }: NewEvent<DescMessage>): ContractEvent {
  const contract = contractEvents.get(schema.typeName);
  if (contract === undefined) throw internal(`${schema.typeName} has no aggregate option`);
  return contract;
}

function encode({ causationDepth = 0 }: TransactionScope, event: NewEvent<DescMessage>) {
  const { schema, message } = event;
  const contract = contractOf(event);
  if (causationDepth > maxCausationDepth) {
    throw new AppError('failed_precondition', 'CAUSATION_TOO_DEEP', 'Events caused events too many times.');
  }
  const payload = toBinary(schema, withoutPrivateFields(schema, create(schema, message)));
  if (payload.byteLength > maxPayloadBytes) {
    throw new AppError('invalid_argument', 'EVENT_TOO_LARGE', 'This is too large to be announced as an event.');
  }
  return { topic: contract.topic, aggregate: contract.aggregate, type: schema.typeName, payload };
}

function internal(detail: string): AppError {
  return new AppError('internal', 'EVENT_WITHOUT_AGGREGATE', 'Something went wrong on our side.', {
    cause: new Error(detail),
  });
}
