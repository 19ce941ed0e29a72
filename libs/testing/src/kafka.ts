import { randomBytes } from 'node:crypto';
import { topics } from '@flotilla/contracts';
import { dropTopics, ensureTopics } from '@flotilla/events';
import { testKafkaBrokers } from './config.ts';

/** The broker of this test run. */
export function testKafka(): { readonly brokers: readonly string[] } {
  return { brokers: testKafkaBrokers() };
}

/** A topic name that no other test uses. */
export function uniqueTopic(prefix = 'test'): string {
  return `${prefix}.${randomBytes(6).toString('hex')}`;
}

/** All topics of the contract, apart from those of other tests by their prefix. */
export interface TestTopics {
  readonly brokers: readonly string[];
  /** `kafkaPrefix` of a service's configuration, `prefix` of a transport. */
  readonly prefix: string;
  drop(): Promise<void>;
}

/** Makes the topics of the contract for one test file. */
export async function testTopics(): Promise<TestTopics> {
  const brokers = testKafkaBrokers();
  const prefix = `test${randomBytes(5).toString('hex')}.`;
  const names = topics.map(({ name }) => prefix + name);
  await ensureTopics(brokers, names, { replication: 1, partitions: 2 });
  return { brokers, prefix, drop: () => dropTopics(brokers, names) };
}
