import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type ContractEvent, events, withoutPrivateFields } from '@flotilla/contracts';
import { AppError } from '@flotilla/errors';
import { newId, sql, type TransactionScope, type Tx } from '@flotilla/postgres';
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
  const encoded = events.map((event) => encode(tx.scope, event));
  const { tenantId, actor, traceparent, causationDepth = 0 } = tx.scope;
  const aggregate = encoded[0]?.aggregate ?? '';
  const column = (values: readonly unknown[]) => sql.val(values);
  const statement = sql`
    with bumped as (
      update ${sql.table(aggregate)} set event_seq = event_seq + ${events.length}::integer where id = ${id} returning id, event_seq
    )
    insert into outbox (id, tenant_id, topic, aggregate, aggregate_id, event_seq, type, payload,
      traceparent, causation_depth, actor_type, actor_id)
    select e.id, ${tenantId}::uuid, e.topic, ${aggregate}, bumped.id, bumped.event_seq - ${events.length}::integer + e.place, e.type, e.payload,
      ${traceparent ?? null}, ${causationDepth}::integer, ${actor.type}, ${actor.id}
    from unnest(
      ${column(encoded.map(() => newId()))}::uuid[], ${column(encoded.map(({ topic }) => topic))}::text[],
      ${column(encoded.map(({ type }) => type))}::text[], ${column(encoded.map(({ payload }) => Buffer.from(payload)))}::bytea[]
    ) with ordinality as e (id, topic, type, payload, place) left join bumped on true
    order by e.place`;
  // Without a row to number it by, the event has no aggregate: the table refuses that.
  tx.send(statement.compile(tx), (error) =>
    (error as { code?: unknown }).code === '23502'
      ? internal(`no row ${id} in ${aggregate} for ${first.schema.typeName}`)
      : error,
  );
}

function encode({ causationDepth = 0 }: TransactionScope, { schema, message }: NewEvent<DescMessage>) {
  const contract = contractEvents.get(schema.typeName);
  if (contract === undefined) throw internal(`${schema.typeName} has no aggregate option`);
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
