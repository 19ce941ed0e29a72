import { topics } from '@flotilla/contracts';
import { AuditService } from '@flotilla/contracts/audit';
import { createConsumer } from '@flotilla/events';
import { implement } from '@flotilla/grpc';
import { createServiceKit, type KitOptions, type Service } from '@flotilla/service';
import type { Config } from './config.ts';
import type { Schema } from './db/schema.ts';
import { ingestEvents } from './events/ingest-events.ts';
import { auditEvents } from './grpc/audit-events.ts';
import { readAction } from './grpc/read-action.ts';

/** Builds the service; nothing connects or listens before it starts. */
export function createService(config: Config, overrides: Omit<KitOptions, 'name'> = {}): Service {
  const kit = createServiceKit<Schema>(config, { name: 'audit', ...overrides });
  const consumer = createConsumer<Schema>({
    db: kit.db,
    transport: kit.transport,
    group: 'audit',
    topics: topics.map(({ name }) => name),
    batch: ingestEvents,
    maxRecords: config.batchSize,
    gatherMs: 250,
    log: kit.log,
    metrics: kit.metrics,
  });
  const grpc = [
    implement(
      AuditService,
      auditEvents(kit.db, (call, resourceId) => kit.recorder.record(readAction(call, resourceId))),
    ),
  ];
  const components = [
    {
      name: 'consumer',
      phase: 'work' as const,
      start: async () => consumer.start(),
      stop: (graceMs: number) => consumer.stop(graceMs),
    },
  ];
  return kit.service({ grpc, components });
}
