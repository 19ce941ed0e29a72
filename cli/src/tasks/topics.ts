// Makes the topics that the contract names; those that exist are left as they are.
import { topics } from '@flotilla/contracts';
import { ensureTopics } from '@flotilla/events';
import { given } from './config.ts';

await ensureTopics(
  given('FLOTILLA_KAFKA_BROKERS').split(','),
  topics.map(({ name }) => name),
  // One broker holds everything; three partitions let three consumers of a group share the work.
  { partitions: 3, replication: 1 },
);
