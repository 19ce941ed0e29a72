import { setTimeout as delay } from 'node:timers/promises';
import type { OwnFleet } from '@flotilla/deploy';
import type { Dice } from '../dice.ts';
import type { Link } from '../link.ts';

/** What was done to the fleet, and how long it took to be well again. */
export interface FaultReport {
  kills: number;
  pauses: number;
  cuts: number;
  /** One figure for each fault, in seconds. */
  readonly recoveries: number[];
}

/** Processes that are killed, those more often whose work is the more delicate. */
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
  'notification',
  'identity',
  'audit',
  'gateway',
  'tracker',
  'valkey',
];

const recoveryTimeoutMs = 120_000;

/** Puts faults in, one at a time: the next comes when the fleet is well again and some more work was done. */
export function createFaults(needs: {
  readonly fleet: OwnFleet;
  readonly dice: Dice;
  readonly replicas: number;
  readonly links: readonly [Link, ...Link[]];
  readonly say: (line: string) => void;
}): { readonly report: FaultReport; one(): Promise<void> } {
  const { fleet, dice, replicas, links, say } = needs;
  const report: FaultReport = { kills: 0, pauses: 0, cuts: 0, recoveries: [] };
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

  return {
    report,
    async one() {
      const name = replicated(dice.one(victims));
      if (dice.happens(0.1)) {
        report.pauses += 1;
        const owner = replicated('workflow');
        say(`${owner} is paused past its lease`);
        await fleet.command('kill', owner, '--signal', 'SIGSTOP');
        await delay(dice.whole(6_000, 14_000));
        await fleet.command('kill', owner, '--signal', 'SIGCONT');
      } else if (dice.happens(0.12)) {
        report.cuts += 1;
        say(`${dice.one(links).cut()} connections are left half-open`);
      }
      const began = performance.now();
      report.kills += 1;
      say(`kill ${report.kills}: ${name}`);
      await fleet.command('kill', name);
      await well();
      report.recoveries.push((performance.now() - began) / 1000);
    },
  };
}
