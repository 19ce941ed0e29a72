import { setTimeout as delay } from 'node:timers/promises';
import type { Dice } from '../dice.ts';
import { Refused } from '../rest.ts';
import { heldShape, items, type Shape, shapes, thinkingShape } from './shapes.ts';
import { readTarget } from './target.ts';
import type { World } from './world.ts';

/** A run that the fleet said it would do. */
export interface AskedRun {
  readonly id: string;
  readonly shape: string;
  /** The statuses in which it may end, as rows spell them. */
  readonly mayEnd: readonly string[];
  /** It may also fail for this reason. */
  readonly mayFailFor?: string | undefined;
}

/** Starts runs, some of which must fail, are cancelled, or meet a slow target. */
export interface Runs {
  readonly asked: readonly AskedRun[];
  /**
   * Starts so many, at most `atOnce` of them unfinished at a time, but for those that are put aside for faults. Resolves when
   * they have ended, or time is up.
   */
  start(count: number, aside: number): Promise<void>;
  /**
   * Starts some of those aside at once, and resolves while the target holds the answers to their steps back: of the fewer part
   * for so long that activities have gone on with them, of the others at once, while they are ridden. So whoever has the most of them
   * has some of both. Their ends are waited for by `rested`.
   */
  startHeld(count: number): Promise<void>;
  /** Starts some of those aside that ask an agent. */
  startThinking(count: number): Promise<void>;
  rested(): Promise<void>;
}

const atOnce = 16;
const patienceMs = 300_000;
const heldMs = 7_000;
/** When the steps begin that the target holds back. A ride goes on with one for a second and a half. */
const restMs = { fewer: 2_000, most: 4_500 } as const;
const fewer = 0.4;

/** What a decision may meet that has come to an end meanwhile. */
const tooLate = new Set(['APPROVAL_CANCELLED', 'APPROVAL_DECIDED', 'APPROVAL_EXPIRED', 'ALREADY_ANSWERED']);

export function createRuns(needs: {
  readonly world: World;
  readonly dice: Dice;
  readonly trackerUrl: string;
  /** Where runs find the target: through a link that is cut now and then. */
  readonly targetUrl: string;
}): Runs {
  const { world, dice, trackerUrl, targetUrl } = needs;
  const asked: AskedRun[] = [];
  const forFaults: Promise<void>[] = [];
  let leftAside = 0;
  const nextShape = dice.pack(shapes);
  const nextFailure = new Map(shapes.map((shape) => [shape, dice.pack(shape.failable)]));
  const nextFate = dice.pack(['none', 'none', 'none', 'cancelled', 'held', 'late', 'undone late']);

  async function begin(shape: Shape, failAt: string, isCancelled: boolean, more = {}): Promise<string> {
    const input = { target: targetUrl, failAt, items, ...more };
    const { id } = await world.rest.ask('POST', `/v1/workflows/${world.workflowIds.get(shape)}:start`, { input });
    const ends = failAt === '' ? 'completed' : 'failed';
    const mayEnd = isCancelled ? [ends, 'cancelled'] : [ends];
    asked.push({ id, shape: shape.name, mayEnd, mayFailFor: shape.mayFailFor });
    return id;
  }

  async function one(): Promise<void> {
    const shape = nextShape();
    const fate = nextFate();
    const fails = fate === 'undone late' || dice.happens(0.35);
    const failAt = fails ? (nextFailure.get(shape)?.() ?? '') : '';
    const isCancelled = fate === 'cancelled' || fate === 'late';
    const ms = dice.whole(5_000, 9_000);
    const cancelAfterMs = fate === 'late' ? dice.whole(700, 2_500) : dice.whole(0, 1_500);
    const id = await begin(shape, failAt, isCancelled);
    if (fate === 'held') await treat(trackerUrl, { on: 'open', action: 'hold', runId: id, ms, times: 3 });
    if (fate === 'late') await treat(trackerUrl, { on: 'open', action: 'late', runId: id, ms, times: 3 });
    if (fate === 'undone late') await treat(trackerUrl, { on: 'undo', action: 'late', runId: id, ms, times: 1 });
    if (isCancelled) {
      await delay(cancelAfterMs);
      await world.rest.ask('POST', `/v1/instances/${id}:cancel`, { reason: 'The drill has changed its mind.' });
    }
    const verdict = failAt === 'ask' ? 'VERDICT_REJECT' : 'VERDICT_APPROVE';
    await ended(id, shape.approval === true ? verdict : undefined);
  }

  /** Answers what the run asks. Whoever was not answered in time by a service that was killed asks again. */
  async function decide(instanceId: string, verdict: string): Promise<void> {
    const path = `/v1/approvals?instanceId=${instanceId}&status=APPROVAL_STATUS_PENDING`;
    for (const { id } of (await world.rest.ask('GET', path)).approvals) {
      try {
        await world.rest.ask('POST', `/v1/approvals/${id}:decide`, { verdict });
      } catch (error) {
        if (!(error instanceof Refused && tooLate.has(error.reason))) throw error;
      }
    }
  }

  async function ended(id: string, verdict?: string): Promise<void> {
    const giveUpAt = Date.now() + patienceMs;
    while (Date.now() < giveUpAt) {
      const run = await world.rest.ask('GET', `/v1/instances/${id}`);
      const undoing = /RUNNING|STUCK/.test(run.compensation ?? '');
      if (run.completeTime !== undefined && !undoing) return;
      if (verdict !== undefined) await decide(id, verdict);
      await delay(500);
    }
  }

  function awaitLater(id: string): void {
    const end = ended(id);
    end.catch(() => undefined);
    forFaults.push(end);
  }

  function take(wished: number): number {
    const count = Math.min(wished, leftAside);
    leftAside -= count;
    return count;
  }

  return {
    asked,
    async start(count, aside) {
      leftAside = aside;
      let left = count - aside;
      const caller = async () => {
        for (; left > 0; ) {
          left -= 1;
          await one();
        }
      };
      await Promise.all(Array.from({ length: Math.min(atOnce, left) }, caller));
    },
    async startHeld(wished) {
      const count = take(wished);
      const ids = await Promise.all(
        Array.from({ length: count }, (_, index) =>
          begin(heldShape, '', false, { restMs: index < count * fewer ? restMs.fewer : restMs.most }),
        ),
      );
      for (const id of ids) {
        await treat(trackerUrl, { on: 'open', action: 'hold', runId: id, ms: heldMs, times: 1 });
        awaitLater(id);
      }
      const most = ids.slice(Math.ceil(count * fewer));
      const met = async () => {
        const { treated } = await readTarget(trackerUrl).catch(() => ({ treated: [] }));
        return treated.filter(({ runId }) => most.includes(runId)).length;
      };
      const giveUpAt = Date.now() + restMs.most + heldMs;
      while ((await met()) < most.length && Date.now() < giveUpAt) await delay(50);
    },
    async startThinking(count) {
      for (let more = take(count); more > 0; more -= 1) awaitLater(await begin(thinkingShape, '', false));
    },
    async rested() {
      await Promise.all(forFaults);
    },
  };
}

/** Has the target treat the next requests of a run badly. A target that was just killed has forgotten: no harm. */
async function treat(trackerUrl: string, mood: Readonly<Record<string, unknown>>): Promise<void> {
  await fetch(`${trackerUrl}/moods`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(mood),
    signal: AbortSignal.timeout(5_000),
  }).catch(() => undefined);
}
