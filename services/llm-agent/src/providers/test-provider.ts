import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { TestProviderResponseSchema } from '@flotilla/contracts/agent';
import type { Call } from '@flotilla/grpc';
import { type Database, scopeOf } from '@flotilla/postgres';
import { type HealthNote, upsertHealth } from '../db/provider-health-repository.ts';
import type { Schema } from '../db/schema.ts';
import { toHealthMessage } from '../messages/provider-message.ts';
import { listModels } from './list-models.ts';
import { ProviderFailure } from './model-provider.ts';
import type { Providers } from './providers.ts';

export type ProviderTest = (call: Call, id: string) => Promise<MessageInitShape<typeof TestProviderResponseSchema>>;

/** Asks a provider for its models and keeps what came of it as its health. No transaction is open while it answers. */
export function createProviderTest({
  db,
  providers,
  now,
}: {
  readonly db: Database<Schema>;
  readonly providers: Providers;
  readonly now: () => Date;
}): ProviderTest {
  return async (call, id) => {
    const scope = scopeOf(call);
    const connection = await providers.connectionOf(scope, id);
    const began = performance.now();
    const { models, note } = await listModels(connection, call.signal).then(
      (models): { models: readonly string[]; note: HealthNote } => ({ models, note: { state: 'healthy' } }),
      (error: unknown) => {
        if (!(error instanceof ProviderFailure)) throw error;
        return { models: [], note: { state: 'unhealthy' as const, reason: error.reason, message: error.message } };
      },
    );
    const latencyMs = Math.round(performance.now() - began);
    const health = await db.inTenant(scope, (tx) => upsertHealth(tx, id, note, now()));
    return { health: toHealthMessage(health), models: [...models], latency: durationFromMs(latencyMs) };
  };
}
