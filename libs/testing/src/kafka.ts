import { randomBytes } from 'node:crypto';
import { testKafkaBrokers } from './config.ts';

/** The broker of this test run. */
export function testKafka(): { readonly brokers: readonly string[] } {
  return { brokers: testKafkaBrokers() };
}

/** A topic name that no other test uses. */
export function uniqueTopic(prefix = 'test'): string {
  return `${prefix}.${randomBytes(6).toString('hex')}`;
}
