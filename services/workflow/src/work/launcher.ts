import type { Logger } from '@flotilla/observability';
import { type Launching, launchFiring } from '../commands/launch-firing.ts';
import { claimDueFirings, forgetFirings } from '../db/firing-repository.ts';
import { createPoller, type Poller } from './poller.ts';

const LEASE_MS = 60_000;
const BATCH = 20;
const KEPT_MS = 30 * 86_400_000;
const FORGET_EVERY_MS = 3_600_000;

/** Starts the runs of accepted firings. A process that dies leaves a lease that ends; another one goes on, and the firing starts one run all the same. */
export function createLauncher(launching: Launching, everyMs: number, log: Logger): Poller {
  const { db } = launching;
  let forgottenAt = 0;

  async function forgetOld(): Promise<void> {
    if (Date.now() - forgottenAt < FORGET_EVERY_MS) return;
    forgottenAt = Date.now();
    await db.withoutTenant((tx) => forgetFirings(tx, KEPT_MS, 5_000));
  }

  return createPoller({
    name: 'launcher',
    everyMs,
    log,
    async work() {
      await forgetOld();
      const leases = await db.withoutTenant((tx) => claimDueFirings(tx, { limit: BATCH, leaseMs: LEASE_MS }));
      const results = await Promise.allSettled(leases.map((lease) => launchFiring(launching, lease)));
      for (const result of results) {
        if (result.status === 'rejected') log.warn({ err: result.reason }, 'a firing could not be settled');
      }
      return leases.length;
    },
  });
}
