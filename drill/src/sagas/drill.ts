import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type OwnFleet, portOffsets, startOwnFleet } from '@flotilla/deploy';
import { modelReplies, startScriptedModel } from '@flotilla/testing';
import type { DrillConfig } from '../config.ts';
import { createDice } from '../dice.ts';
import { type Link, openLink } from '../link.ts';
import { copyWithMutant } from '../mutants/copy.ts';
import type { Mutant } from '../mutants/mutants.ts';
import { compare, type Finding, type Invariant, invariants } from './compare.ts';
import { createFaults, type FaultReport } from './faults.ts';
import { createRuns } from './runs.ts';
import { isTold, readStores } from './stores.ts';
import { prepareWorld } from './world.ts';

/** How much is done, and how. The same seed draws the same runs and faults; their timing is the machine's. */
export interface SagaWish {
  readonly runs: number;
  readonly kills: number;
  readonly seed: number;
  readonly replicas: number;
  readonly mutant: Mutant | undefined;
}

/** What the stores said afterwards. */
export interface SagaReport extends Readonly<Record<Invariant, number>> {
  readonly runs: number;
  readonly kills: number;
  readonly pauses: number;
  readonly cuts: number;
  readonly recoverySeconds: { readonly median: number; readonly most: number };
  readonly findings: readonly Finding[];
}

const settleTimeoutMs = 300_000;

/** Starts runs, breaks things under them, waits until the fleet has come to rest, and compares its stores. */
export async function drillSagas(
  config: DrillConfig,
  wish: SagaWish,
  say: (line: string) => void,
): Promise<SagaReport> {
  const dice = createDice(wish.seed);
  const workspace = wish.mutant === undefined ? config.workspace : copyWithMutant(config, wish.mutant);
  const model = await startScriptedModel({ script: [modelReplies.text('All is well.')] });
  const links: Link[] = [];
  let fleet: OwnFleet | undefined;
  try {
    const modelLink = await openLink(() => Number(new URL(model.url).port));
    links.push(modelLink);
    const started = await startBetweenLinks(config, wish, workspace, modelLink, links);
    fleet = started.fleet;
    say(`a fleet of ${wish.replicas} of each service is up`);
    const world = await prepareWorld(fleet);
    const targetUrl = `http://127.0.0.1:${started.targetLink.port}`;
    const runs = createRuns({ world, dice, trackerUrl: fleet.trackerUrl, targetUrl });
    const faults = createFaults({ fleet, dice, replicas: wish.replicas, links: [modelLink, ...links], say });
    const work = runs.start(wish.runs);
    work.catch(() => undefined);
    for (let kill = 1; kill <= wish.kills; kill += 1) {
      await enough(() => runs.asked.length >= (wish.runs * kill) / (wish.kills + 1), work);
      await faults.one();
    }
    await work;
    say(`${runs.asked.length} runs have ended; waiting until everything is told`);
    await settled(fleet, world.tenantId);
    const stores = await readStores(fleet, world.tenantId, model.requests.length);
    return report(runs.asked.length, faults.report, compare(runs.asked, stores));
  } finally {
    await fleet?.stop({ state: false });
    for (const link of links) await link.close();
    await model.stop();
  }
}

/** The workflow service reaches its database and the target, and llm-agent the model, through links that can be cut. */
async function startBetweenLinks(
  config: DrillConfig,
  { replicas }: SagaWish,
  workspace: string,
  modelLink: Link,
  links: Link[],
): Promise<{ fleet: OwnFleet; targetLink: Link }> {
  const ports = { database: 0, target: 0 };
  const databaseLink = await openLink(() => ports.database);
  const targetLink = await openLink(() => ports.target);
  links.push(databaseLink, targetLink);
  const fleet = await startOwnFleet({
    workspace,
    stateDir: join(config.stateDir, 'fleet'),
    environment: { ...config.environment, TURBO_FORCE: workspace === config.workspace ? 'false' : 'true' },
    replicas,
    overrides({ portBase, secret }) {
      ports.database = portBase + portOffsets.postgres.sql;
      ports.target = portBase + portOffsets.tracker.http;
      return {
        WORKFLOW_DATABASE_URL: `postgres://workflow_app:${secret('database/workflow_app')}@127.0.0.1:${databaseLink.port}/workflow_db`,
        WORKFLOW_HTTP_ALLOWED_HOSTS: `127.0.0.1:${targetLink.port}`,
        LLM_AGENT_OPENAI_COMPATIBLE_URL: `http://127.0.0.1:${modelLink.port}/v1`,
      };
    },
  });
  return { fleet, targetLink };
}

/** Waits for a condition, or for the end of the work that should make it true. */
async function enough(isSo: () => boolean, work: Promise<void>): Promise<void> {
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined);
  while (!isSo() && !isOver) await Promise.race([delay(50), over]);
}

/** Until nothing that was committed is still on its way, twice in a row. */
async function settled(fleet: OwnFleet, tenantId: string): Promise<void> {
  const giveUpAt = Date.now() + settleTimeoutMs;
  for (let times = 0; times < 2 && Date.now() < giveUpAt; await delay(1_000)) {
    times = (await isTold(fleet, tenantId).catch(() => false)) ? times + 1 : 0;
  }
}

function report(runs: number, faults: FaultReport, findings: readonly Finding[]): SagaReport {
  const seconds = faults.recoveries.toSorted((a, b) => a - b);
  const rounded = (value: number | undefined) => Math.round((value ?? 0) * 10) / 10;
  const counts = Object.fromEntries(
    invariants.map((name) => [name, findings.filter(({ invariant }) => invariant === name).length]),
  ) as Record<Invariant, number>;
  return {
    runs,
    kills: faults.kills,
    pauses: faults.pauses,
    cuts: faults.cuts,
    ...counts,
    recoverySeconds: { median: rounded(seconds[Math.floor(seconds.length / 2)]), most: rounded(seconds.at(-1)) },
    findings,
  };
}
