import type { DescMessage, Message, MessageShape } from '@bufbuild/protobuf';

/** Who made it happen. */
export interface EventActor {
  readonly type: string;
  readonly id: string;
}

/** What every event says about itself, read from the headers of its record. */
export interface EventHead {
  readonly id: string;
  /** `flotilla.agent.v1.AgentCreated` */
  readonly type: string;
  readonly topic: string;
  readonly tenantId: string;
  /** The aggregate's table. */
  readonly aggregate: string;
  readonly aggregateId: string;
  /** Contiguous within the aggregate; none for captured changes. */
  readonly eventSeq: bigint | undefined;
  readonly occurredAt: Date;
  readonly actor: EventActor;
  readonly traceparent: string | undefined;
  /** How many events led to this one. */
  readonly causationDepth: number;
}

/** An event with its message. */
export interface DomainEvent<M extends Message = Message> extends EventHead {
  readonly message: M;
}

/** The event whose message has this schema. */
export type EventOf<Desc extends DescMessage> = DomainEvent<MessageShape<Desc> & Message>;

/** An event may cause events, which may cause events; a loop between services ends here. */
export const maxCausationDepth = 16;
