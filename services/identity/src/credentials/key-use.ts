import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import { markKeyUsed } from '../db/api-key-repository.ts';
import type { Schema } from '../db/schema.ts';

/** Notes when keys are used: at most once a minute for each, and never while somebody waits for an answer. */
export interface KeyUse {
  used(key: { readonly id: string; readonly tenantId: string; readonly lastUsedAt: Date | undefined }): void;
  /** Waits for what is being noted. */
  stop(): Promise<void>;
}

const minuteMs = 60_000;

/** Creates it. A note that fails is lost: the next use makes another. */
export function createKeyUse(db: Database<Schema>, log: Logger, now: () => Date): KeyUse {
  const noting = new Map<string, Promise<void>>();
  return {
    used({ id, tenantId, lastUsedAt }) {
      const at = now();
      if (noting.has(id) || (lastUsedAt !== undefined && at.getTime() - lastUsedAt.getTime() < minuteMs)) return;
      const note = db
        .inTenant({ tenantId, actor: { type: 'system', id: 'identity' } }, (tx) => markKeyUsed(tx, id, at))
        .catch((error: unknown) => log.warn({ err: error, apiKeyId: id }, 'the use of a key was not noted'))
        .finally(() => noting.delete(id));
      noting.set(id, note);
    },
    async stop() {
      await Promise.all(noting.values());
    },
  };
}
