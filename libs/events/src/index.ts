export { type AggregateWrite, appendEvent, appendEvents, appendEventsWith, type NewEvent } from './append-event.ts';
export { type Arrival, arrivalsOf, noteArrivals } from './arrivals.ts';
export { type Batch, type Consumer, type ConsumerOptions, createConsumer, type Prepare } from './consumer.ts';
export type { ParkedAggregate } from './consumer-store.ts';
export { type DomainEvent, type EventActor, type EventHead, type EventOf, maxCausationDepth } from './domain-event.ts';
export { type EventHandler, type EventHandlers, onEvent } from './event-handlers.ts';
export { dropTopics, ensureTopics, type TopicShape } from './kafka/ensure-topics.ts';
export { createKafkaTransport, type KafkaTransportOptions } from './kafka/kafka-transport.ts';
export { createRelay, type Relay, type RelayOptions } from './relay.ts';
export { parseRepublishing, type Republishing, republish } from './republish.ts';
export type {
  IncomingRecord,
  Lag,
  OutgoingRecord,
  Subscription,
  SubscriptionControl,
  SubscriptionOptions,
  Transport,
} from './transport.ts';
