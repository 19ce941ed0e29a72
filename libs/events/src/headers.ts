import type { EventHead } from './domain-event.ts';
import type { IncomingRecord } from './transport.ts';

/** What the headers are made of besides the head itself. */
interface HeadWithSource extends EventHead {
  /** The service's database, for example `flotilla/agent`. */
  readonly source: string;
}

/** CloudEvents in binary mode, and our extension attributes. */
export function toHeaders(head: HeadWithSource): Record<string, string> {
  return {
    ce_specversion: '1.0',
    ce_id: head.id,
    ce_type: head.type,
    ce_source: head.source,
    ce_time: head.occurredAt.toISOString(),
    ce_subject: `${head.aggregate}/${head.aggregateId}`,
    'content-type': 'application/protobuf',
    tenantid: head.tenantId,
    causationdepth: String(head.causationDepth),
    actortype: head.actor.type,
    actorid: head.actor.id,
    ...(head.eventSeq !== undefined && { eventseq: String(head.eventSeq) }),
    ...(head.traceparent !== undefined && { traceparent: head.traceparent }),
  };
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Undefined for a record that is no event of the fleet. */
export function fromHeaders({ topic, headers }: IncomingRecord): EventHead | undefined {
  const subject = /^([a-z_][a-z0-9_]*)\/([0-9a-f-]{36})$/.exec(headers['ce_subject'] ?? '');
  const { ce_id: id = '', ce_type: type = '', ce_time: time = '', tenantid: tenantId = '', eventseq } = headers;
  const occurredAt = new Date(time);
  const depth = Number(headers['causationdepth'] ?? '0');
  const wellFormed =
    [id, tenantId, subject?.[2] ?? ''].every((text) => uuid.test(text)) &&
    type !== '' &&
    !Number.isNaN(occurredAt.getTime()) &&
    Number.isSafeInteger(depth) &&
    (eventseq === undefined || /^\d{1,18}$/.test(eventseq));
  if (!wellFormed) return undefined;
  return {
    id,
    type,
    topic,
    tenantId,
    aggregate: subject?.[1] ?? '',
    aggregateId: subject?.[2] ?? '',
    eventSeq: eventseq === undefined ? undefined : BigInt(eventseq),
    occurredAt,
    actor: { type: headers['actortype'] ?? '', id: headers['actorid'] ?? '' },
    traceparent: headers['traceparent'],
    causationDepth: depth,
  };
}
