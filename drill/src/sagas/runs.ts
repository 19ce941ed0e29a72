import { setTimeout as delay } from 'node:timers/promises';
import type { Dice } from '../dice.ts';
import { shapes } from './shapes.ts';
import type { World } from './world.ts';

/** A run that the fleet said it would do. */
export interface AskedRun {
  readonly id: string;
  readonly shape: string;
  /** The statuses in which it may end, as rows spell them. */
  readonly mayEnd: readonly string[];
}

/** Starts runs, some of which must fail, are cancelled, or meet a slow target. */
export interface Runs {
  readonly asked: readonly AskedRun[];
  /** Starts so many more, at most `atOnce` of them unfinished at a time. Resolves when all of them have ended, or time is up. */
  start(count: number): Promise<void>;
}

const atOnce = 16;
const patienceMs = 600_000;

export function createRuns(needs: {
  readonly world: World;
  readonly dice: Dice;
  readonly trackerUrl: string;
  /** Where runs find the target: through a link that is cut now and then. */
  readonly targetUrl: string;
}): Runs {
  const { world, dice, trackerUrl, targetUrl } = needs;
  const asked: AskedRun[] = [];

  async function one(): Promise<void> {
    const shape = dice.one(shapes);
    const failAt = dice.happens(0.4) ? dice.one(shape.failable) : '';
    const fate = dice.one(['none', 'none', 'none', 'cancelled', 'held', 'late'] as const);
    const cancelAfterMs = dice.whole(0, 1_500);
    const moodMs = dice.whole(500, 8_000);
    const { rest, workflowIds } = world;
    const input = { target: targetUrl, failAt, items: ['a', 'b', 'c', 'd', 'e'] };
    const { id } = await rest.ask('POST', `/v1/workflows/${workflowIds.get(shape)}:start`, { input });
    const ends = failAt === '' ? 'completed' : 'failed';
    const isCancelled = fate === 'cancelled' || fate === 'late';
    asked.push({ id, shape: shape.name, mayEnd: isCancelled ? [ends, 'cancelled'] : [ends] });
    if (fate === 'held' || fate === 'late') await mood(trackerUrl, id, fate === 'held' ? 'hold' : 'late', moodMs);
    if (isCancelled) {
      await delay(cancelAfterMs);
      await rest.ask('POST', `/v1/instances/${id}:cancel`, { reason: 'The drill has changed its mind.' });
    }
    await ended(id, shape.approval === true);
  }

  /** Says yes to what the run asks. Whoever was not answered in time by a service that was killed asks again. */
  async function approve(instanceId: string): Promise<void> {
    const path = `/v1/approvals?instanceId=${instanceId}&status=APPROVAL_STATUS_PENDING`;
    for (const { id } of (await world.rest.ask('GET', path)).approvals) {
      // It may have been answered, or cancelled with its run, in between.
      await world.rest.ask('POST', `/v1/approvals/${id}:decide`, { verdict: 'VERDICT_APPROVE' }).catch(() => undefined);
    }
  }

  async function ended(id: string, asks: boolean): Promise<void> {
    const giveUpAt = Date.now() + patienceMs;
    while (Date.now() < giveUpAt) {
      const run = await world.rest.ask('GET', `/v1/instances/${id}`);
      const undoing = /RUNNING|STUCK/.test(run.compensation ?? '');
      if (run.completeTime !== undefined && !undoing) return;
      if (asks) await approve(id);
      await delay(500);
    }
  }

  return {
    asked,
    async start(count) {
      let left = count;
      const caller = async () => {
        for (; left > 0; ) {
          left -= 1;
          await one();
        }
      };
      await Promise.all(Array.from({ length: Math.min(atOnce, count) }, caller));
    },
  };
}

/** Has the target treat the next requests of a run badly. A target that was just killed has forgotten: no harm. */
async function mood(trackerUrl: string, runId: string, action: 'hold' | 'late', ms: number): Promise<void> {
  await fetch(`${trackerUrl}/moods`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ on: 'open', action, runId, ms, times: 3 }),
    signal: AbortSignal.timeout(5_000),
  }).catch(() => undefined);
}
