import { withoutDeadline } from '@flotilla/grpc';
import type { Logger } from '@flotilla/observability';
import { driverScope, type Performing } from '../commands/perform.ts';
import { beginsShort } from '../commands/start-instance.ts';
import type { UnderDriver } from '../db/driver-repository.ts';
import { giveToTemporal, renewLeases } from '../db/lane-repository.ts';
import { countTriedStep } from '../db/task-repository.ts';
import type { Definition } from '../domain/definition.ts';
import type { RunReference } from '../temporal/contract.ts';
import { attemptInLane } from './attempt.ts';
import type { WhyNot } from './course.ts';
import { type Departure, type Driving, driveRun } from './drive-run.ts';
import { createFairQueue, type FairQueue } from './fair-queue.ts';
import type { HeldRun } from './held-run.ts';
import { createMoves } from './moves.ts';
import { createPace, type Pace } from './pace.ts';
import { createPlaces, type Place } from './places.ts';

/** How large a lane is. Times in milliseconds. */
export interface LaneLimits {
  /** Runs at once; 0: no lane, Temporal drives everything. */
  readonly runs: number;
  /** Moves that are written at once. */
  readonly concurrentMoves: number;
  readonly leaseMs: number;
  /** A run that has been in the lane for longer makes place at its next step. */
  readonly longestStayMs: number;
  /** A step that has to wait longer before its next attempt leaves the lane. */
  readonly longestPauseMs: number;
  readonly weightOf: (tenantId: string) => number;
}

/** Drives runs in this process. What does not fit waits in the database, see `admission.ts`. */
export interface Lane {
  /** Whether runs of the definition begin in lanes. */
  takes(definition: Definition): boolean;
  /** A place for a run that begins now; undefined when it has to queue. */
  reserve(tenantId: string): Place | undefined;
  /** Whether others have runs in this lane, and the tenant has none. */
  isNew(tenantId: string): boolean;
  /** Until the answer is called, other tenants' runs make no moves, for a moment at most: a run that begins does not wait behind them. */
  favour(tenantId: string): () => void;
  /** Drives a run whose row says that it is this lane's, from what its first move answered. */
  drive(place: Place, run: Omit<HeldRun, 'isOver'>): void;
  /** Loads a run that was admitted, and drives it. */
  driveAdmitted(place: Place, run: UnderDriver): void;
  /** A command has written the run's journal. Answers whether the run is in this lane. */
  poke(instanceId: string): boolean;
  readonly places: ReturnType<typeof createPlaces>;
  /** Of runs that queued. */
  readonly pace: Pace;
  start(): void;
  /** Lets steps under way end, and gives every run to Temporal. */
  stop(graceMs: number): Promise<void>;
}

interface Held {
  readonly reference: UnderDriver;
  readonly driving: Driving;
  /** By this process's clock. */
  readonly lease: { endsAt: number };
  readonly run: HeldRun;
}

export function createLane(
  performing: Performing,
  limits: LaneLimits,
  needs: {
    /** Steps that this process performs at once. */
    readonly steps: FairQueue;
    readonly startDriver: (run: RunReference, afterMs: number) => void;
    readonly log: Logger;
  },
): Lane {
  const { db, meters } = performing;
  const { log, startDriver, steps } = needs;
  const { leaseMs, longestStayMs, longestPauseMs, weightOf } = limits;
  const places = createPlaces({ runs: limits.runs, weightOf });
  const writes = createFairQueue({ places: limits.concurrentMoves, weightOf });
  const moves = createMoves(performing, { queue: writes, log });
  const held = new Map<string, Held>();
  const atWork = new Set<Promise<void>>();
  let closing = false;
  let stopped = false;
  let renewing: NodeJS.Timeout | undefined;
  meters.laneSize(() => held.size);

  function drive(place: Place, begun: Omit<HeldRun, 'isOver'>): void {
    const enteredAt = performance.now();
    const lease = { endsAt: enteredAt + leaseMs };
    const run: HeldRun = { ...begun, isOver: () => performance.now() >= lease.endsAt };
    const road = {
      moves,
      attempt: (of: HeldRun, action: Parameters<typeof attemptInLane>[2], signal: AbortSignal) =>
        steps.run(of.tenantId, () => attemptInLane(performing, of, action, { signal, longestPauseMs })),
      mustLeave(): WhyNot | undefined {
        if (begun.run.definition.driver === 'temporal') return 'insists';
        return closing ? 'closing' : performance.now() - enteredAt > longestStayMs ? 'too_long' : undefined;
      },
      isOver: run.isOver,
      isStopped: () => stopped,
    };
    const reference = { tenantId: run.tenantId, instanceId: run.instanceId, epoch: run.epoch };
    // Whoever started it, or made room for it, has a deadline. The run has not.
    const driving = withoutDeadline(() => driveRun(road, run));
    const entry: Held = { run, reference, driving, lease };
    held.set(run.instanceId, entry);
    track(
      driving.departed
        .then((departure) => leave(entry, departure))
        .catch((error: unknown) => {
          // The lease runs out, and the sweep finds the run.
          meters.laneLeft('lost');
          log.warn({ err: error, instanceId: run.instanceId }, 'a run fell out of its lane');
        })
        .finally(() => {
          held.delete(run.instanceId);
          place.release();
        }),
    );
  }

  async function leave({ reference }: Held, departure: Departure): Promise<void> {
    if (typeof departure === 'string') return meters.laneLeft(departure);
    const { tenantId, instanceId } = reference;
    const epoch = await db.inTenant(driverScope(tenantId), async (tx) => {
      const next = await giveToTemporal(tx, reference);
      if (next !== undefined)
        for (const step of departure.tried) await countTriedStep(tx, { instanceId, ...step }, step);
      return next;
    });
    meters.laneLeft(epoch === undefined ? 'lost' : departure.why);
    if (epoch === undefined) return;
    startDriver({ tenantId, instanceId, epoch }, Math.max(0, ...departure.tried.map(({ pauseMs }) => pauseMs)));
  }

  function track(work: Promise<void>): void {
    const done = work.finally(() => atWork.delete(done));
    atWork.add(done);
  }

  async function renew(): Promise<void> {
    const askedAt = performance.now();
    // Most runs are through long before.
    const due = [...held.values()].filter(({ lease }) => lease.endsAt - askedAt < (leaseMs * 2) / 3 + 1);
    if (due.length === 0) return;
    const references = due.map(({ reference }) => reference);
    const lengths = await db.withoutTenant((tx) => renewLeases(tx, references, leaseMs));
    for (const entry of due) {
      const length = lengths.get(entry.reference.instanceId);
      entry.lease.endsAt = length === undefined ? 0 : askedAt + leaseMs;
      // A command in another process may have written the journal; or the run was taken away.
      if (length === undefined || length > entry.run.run.instance.journalLength) entry.driving.poke();
    }
  }

  const pace = createPace({ most: limits.runs, isShared: places.isShared });

  return {
    places,
    pace,
    takes: (definition) => limits.runs > 0 && definition.driver !== 'temporal' && beginsShort(definition),
    reserve: (tenantId) => (closing ? undefined : places.reserve(tenantId)),
    isNew: (tenantId) => places.taken() > 0 && places.running(tenantId) === 0,
    favour: writes.favour,
    drive,
    driveAdmitted(place, reference) {
      const { instanceId } = reference;
      track(
        moves
          .begin(reference)
          .then((moved) => drive(place, { ...reference, ...moved }))
          .catch((error: unknown) => {
            place.release();
            log.warn({ err: error, instanceId }, 'an admitted run could not be loaded; its lease runs out');
          }),
      );
    },
    poke(instanceId) {
      const entry = held.get(instanceId);
      entry?.driving.poke();
      return entry !== undefined;
    },
    start() {
      if (limits.runs === 0) return;
      renewing = setInterval(
        () => void renew().catch((error: unknown) => log.warn({ err: error }, 'leases could not be renewed yet')),
        leaseMs / 3,
      );
    },
    async stop(graceMs) {
      closing = true;
      for (const { driving } of held.values()) driving.poke();
      const late = setTimeout(
        () => {
          stopped = true;
          for (const { driving } of held.values()) driving.poke();
        },
        Math.max(0, graceMs - 3_000),
      );
      while (atWork.size > 0) await Promise.allSettled(atWork);
      clearTimeout(late);
      clearInterval(renewing);
    },
  };
}
