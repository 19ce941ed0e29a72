import { setTimeout as delay } from 'node:timers/promises';
import type { OwnFleet } from '@flotilla/deploy';
import type { Dice } from '../dice.ts';
import type { Link } from '../link.ts';
import { countConnections } from '../socket-owner.ts';
import type { Runs } from './runs.ts';

/** The wires that can be cut. */
export interface Links {
  readonly model: Link;
  readonly target: Link;
  readonly database: Link;
}

/** What was done to the fleet, and how long it took to be well again. */
export interface FaultReport {
  /** How often each process was killed, its replica counted with it. */
  readonly kills: Record<string, number>;
  /** A driver was stopped by SIGSTOP for longer than its lease. */
  pauses: number;
  /** How many connections to each were left half-open. */
  readonly cuts: Record<string, number>;
  /** One figure for each kill, in seconds. */
  readonly recoveries: number[];
}

/** Processes that are killed, those more often whose work is the more delicate. A service takes its relay with it. */
const victims: readonly [string, ...string[]] = [
  'workflow',
  'workflow',
  'workflow',
  'workflow',
  'llm-agent',
  'llm-agent',
  'temporal',
  'temporal',
  'postgres',
  'postgres',
  'kafka',
  'kafka',
  'notification',
  'identity',
  'audit',
  'gateway',
  'tracker',
  'valkey',
];

const recoveryTimeoutMs = 120_000;
/** Every so many kills. */
const pauseEvery = 8;
const cutEvery = 7;
/** Longer than the lease of a lane (10 s) and the heartbeat of a Temporal activity (5 s). */
const pauseMs = [12_000, 15_000] as const;
const heldRuns = 10;
const thinkingRuns = 3;

const isPause = (kill: number) => kill % pauseEvery === pauseEvery - 2;
const isCut = (kill: number) => kill % cutEvery === 3;

/** How many runs these faults begin themselves. */
export function runsForFaults(kills: number): number {
  return Array.from({ length: kills }, (_, index) => index + 1).reduce(
    (sum, kill) => sum + (isPause(kill) ? heldRuns : 0) + (isCut(kill) ? thinkingRuns : 0),
    0,
  );
}

/** Puts faults in, one at a time: the next comes when the fleet is well again and some more work was done. */
export function createFaults(needs: {
  readonly fleet: OwnFleet;
  readonly dice: Dice;
  readonly replicas: number;
  readonly runs: Runs;
  readonly links: Links;
  readonly say: (line: string) => void;
}): { readonly report: FaultReport; kill(number: number): Promise<void> } {
  const { fleet, dice, replicas, runs, links, say } = needs;
  const report: FaultReport = { kills: {}, pauses: 0, cuts: {}, recoveries: [] };
  const nextVictim = dice.pack(victims);
  const { model, target, database } = links;
  const nextLink = dice.pack([model, target, database]);
  const replicated = (name: string) =>
    replicas > 1 &&
    /^(workflow|llm-agent|validation|notification|identity|audit|gateway)$/.test(name) &&
    dice.happens(0.5)
      ? `${name}-2`
      : name;

  async function well(): Promise<void> {
    const giveUpAt = Date.now() + recoveryTimeoutMs;
    for (;;) {
      const unwell = (await fleet.processes()).filter(({ state }) => state !== 'ready' && state !== 'done');
      if (unwell.length === 0) return;
      if (Date.now() > giveUpAt) {
        const names = unwell.map(({ name, state }) => `${name} ${state}`).join(', ');
        throw new Error(`Not well again within ${recoveryTimeoutMs / 1000} s: ${names}`);
      }
      await delay(100);
    }
  }

  /** Stops a driver while the target holds answers back from it, and lets it go on after others have taken over. */
  async function pause(): Promise<void> {
    const drivers = (await fleet.processes()).flatMap(({ name, pid }) =>
      pid !== undefined && /^workflow(-\d+)?$/.test(name) ? [{ name, pid }] : [],
    );
    await runs.startHeld(heldRuns);
    const asking = target.asking;
    const held = drivers.map((driver) => ({ ...driver, held: countConnections(driver.pid, asking) }));
    const [most] = held.toSorted((a, b) => b.held - a.held);
    if (most === undefined) throw new Error('There is no workflow service to pause.');
    // Not by a command, which would take as long as a ride.
    process.kill(most.pid, 'SIGSTOP');
    say(`${most.name} is paused past its lease, with ${most.held} requests under way`);
    await delay(dice.whole(...pauseMs));
    process.kill(most.pid, 'SIGCONT');
    report.pauses += 1;
    // What it has in its hands it does now.
    await delay(1_500);
  }

  async function cut(): Promise<void> {
    const link = nextLink();
    // Something is under way on it.
    await runs.startThinking(thinkingRuns);
    for (let tries = 0; link.connections === 0 && tries < 200; tries += 1) await delay(50);
    const connections = link.cut();
    report.cuts[link.name] = (report.cuts[link.name] ?? 0) + connections;
    say(`${connections} connections to the ${link.name} are left half-open`);
  }

  return {
    report,
    async kill(number) {
      if (isPause(number)) await pause();
      if (isCut(number)) await cut();
      const kind = nextVictim();
      const name = replicated(kind);
      const began = performance.now();
      report.kills[kind] = (report.kills[kind] ?? 0) + 1;
      say(`kill ${number}: ${name}`);
      await fleet.command('kill', name);
      await well();
      report.recoveries.push((performance.now() - began) / 1000);
    },
  };
}
