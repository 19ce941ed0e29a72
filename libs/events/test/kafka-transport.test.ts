import { createKafkaTransport, dropTopics, ensureTopics } from '../src/index.ts';
import { log } from './agents-database.ts';
import { kafkaBrokers } from './config.ts';
import { transportContract } from './transport-contract.ts';

transportContract({
  open: () => createKafkaTransport({ brokers: kafkaBrokers(), clientId: 'contract', log }),
  makeTopic: (name) => ensureTopics(kafkaBrokers(), [name], { replication: 1, partitions: 3 }),
  dropTopics: (names) => dropTopics(kafkaBrokers(), names),
});
