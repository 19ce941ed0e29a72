import { type DescField, type DescMessage, getOption } from '@bufbuild/protobuf';
import { aggregate, personal, secret, table } from './gen/flotilla/options/v1/options_pb.ts';
import { contractFiles } from './methods.ts';

/** A domain event of the contract. */
export interface ContractEvent {
  readonly schema: DescMessage;
  /** `flotilla.agent.v1` */
  readonly topic: string;
  /** The table of the aggregate, from whose row `event_seq` is drawn. */
  readonly aggregate: string;
}

/** A Kafka topic of the fleet. */
export interface Topic {
  readonly name: string;
  /** Captured changes are for audit only. */
  readonly kind: 'events' | 'changes';
}

/** A table whose changes are captured, and the contract's columns that may be. */
export interface CapturedTable {
  /** `agent` in `flotilla.agent.v1` */
  readonly domain: string;
  readonly table: string;
  /** Column names of fields that are neither secret nor personal. Bookkeeping columns come on top. */
  readonly columns: readonly string[];
}

/** All domain events, found by their `aggregate` option. */
export const events: readonly ContractEvent[] = contractFiles
  .flatMap((file) => file.messages)
  .flatMap((schema) => {
    const name = getOption(schema, aggregate);
    return name === '' ? [] : [{ schema, aggregate: name, topic: schema.file.proto.package }];
  });

/** The tables of a domain whose changes are captured, found by the `table` option of resources. */
export function capturedTables(domain: string): readonly CapturedTable[] {
  return contractFiles
    .filter((file) => file.proto.package === `flotilla.${domain}.v1`)
    .flatMap((file) => file.messages)
    .flatMap((message) => {
      const name = getOption(message, table);
      return name === '' ? [] : [{ domain, table: name, columns: message.fields.filter(isCapturable).map(columnOf) }];
    });
}

/** Every topic: one of events and one of captured changes for each domain that has them. */
export const topics: readonly Topic[] = [...new Set(events.map((event) => event.topic))].sort().flatMap((name) => [
  { name, kind: 'events' as const },
  { name: name.replace(/\.v1$/, '.changes.v1'), kind: 'changes' as const },
]);

function isCapturable(field: DescField): boolean {
  return !getOption(field, secret) && !getOption(field, personal) && field.name !== 'etag';
}

/** `create_time` in the contract is `created_at` in the database. */
function columnOf(field: DescField): string {
  return field.name.endsWith('_time') ? `${pastOf(field.name.slice(0, -'_time'.length))}_at` : field.name;
}

function pastOf(verb: string): string {
  const irregular: Record<string, string> = {
    send: 'sent',
    read: 'read',
    last_login: 'last_login',
    last_used: 'last_used',
    last_run: 'last_run',
    next_run: 'next_run',
    last_fired: 'last_fired',
    expire: 'expires',
  };
  return irregular[verb] ?? (verb.endsWith('e') ? `${verb}d` : `${verb}ed`);
}
