import { type DescMessage, fromBinary, type Message } from '@bufbuild/protobuf';
import { registry } from '@flotilla/contracts';
import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import type { DomainEvent, EventHead, EventOf } from './domain-event.ts';
import type { IncomingRecord } from './transport.ts';

/** What a consumer does when it meets an event: SQL in the given transaction, nothing else. */
export type EventHandler<S> = (tx: Tx<S>, event: DomainEvent) => Promise<void>;

/** By the full name of the message. */
export type EventHandlers<S> = Readonly<Record<string, EventHandler<S>>>;

/**
 * A handler whose event is typed by its schema.
 *
 * @example
 * on: { ...onEvent(AgentCreatedSchema, async (tx, event) => { await addAgent(tx, event.message.agent); }) }
 */
export function onEvent<S, Desc extends DescMessage>(
  schema: Desc,
  handler: (tx: Tx<S>, event: EventOf<Desc>) => Promise<void>,
): EventHandlers<S> {
  return { [schema.typeName]: (tx, event) => handler(tx, event as EventOf<Desc>) };
}

/** @throws AppError `invalid_argument EVENT_UNREADABLE` */
export function decodeEvent(head: EventHead, record: IncomingRecord): DomainEvent {
  const schema = registry.getMessage(head.type);
  if (schema === undefined) throw unreadable(new Error(`${head.type} is not in the contract of this version`));
  return { ...head, message: decodeMessage(schema, record.value) };
}

function decodeMessage(schema: DescMessage, value: Uint8Array): Message {
  try {
    return fromBinary(schema, value);
  } catch (error) {
    throw unreadable(error);
  }
}

export function unreadable(cause: unknown): AppError {
  return new AppError('invalid_argument', 'EVENT_UNREADABLE', 'The event cannot be read.', { cause });
}
