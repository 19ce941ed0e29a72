import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import type { EncryptionKeyring } from '@flotilla/secrets';
import { rewrapSecret } from '../commands/rewrap-secret.ts';
import { findSecretsToRewrap } from '../db/provider-secret-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Meters } from '../metrics.ts';

const batch = 100;

export interface RewrapOptions {
  readonly db: Database<Schema>;
  readonly keyring: EncryptionKeyring;
  readonly everyMs: number;
  readonly meters: Meters;
  readonly log: Logger;
}

/**
 * Puts secrets under the keyring's first key, a row at a time. Every replica does; the row's lock and the key id in the
 * envelope make it the same as if one did, and a killed one leaves nothing half done.
 */
export function createRewrapSweep(options: RewrapOptions): { start(): void; stop(): Promise<void> } {
  const { db, keyring, everyMs, meters, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  function schedule(): void {
    timer = setTimeout(
      () => {
        running = sweep()
          .catch((error: unknown) => log.warn({ err: error }, 'secrets were not wrapped again; the next sweep tries'))
          .finally(() => {
            if (!stopped) schedule();
          });
      },
      everyMs * (0.8 + 0.4 * Math.random()),
    );
  }

  async function sweep(): Promise<void> {
    keyring.reload();
    for (;;) {
      const due = await db.withoutTenant((tx) => findSecretsToRewrap(tx, keyring.sealing.id, batch));
      const failed = await rewrapAll(due);
      meters.secretsToRewrap(due.length);
      // What cannot be opened stays first in the list: without this a sweep would never end.
      if (due.length < batch || failed > 0 || stopped) return;
    }
  }

  async function rewrapAll(due: readonly { providerId: string; tenantId: string }[]): Promise<number> {
    let failed = 0;
    for (const { providerId, tenantId } of due) {
      if (stopped) break;
      const scope = { tenantId, actor: { type: 'system', id: 'llm-agent' } };
      await db
        .inTenant(scope, (tx) => rewrapSecret(keyring, tx, providerId))
        .catch((error: unknown) => {
          failed += 1;
          log.error({ err: error, providerId }, 'a secret cannot be wrapped again');
        });
    }
    return failed;
  }

  return {
    start: schedule,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
