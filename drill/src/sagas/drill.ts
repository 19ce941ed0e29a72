import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type OwnFleet, portOffsets, startOwnFleet } from '@flotilla/deploy';
import { startScriptedModel } from '@flotilla/testing';
import type { DrillConfig } from '../config.ts';
import { createDice } from '../dice.ts';
import { type Link, openLink } from '../link.ts';
import { copyWithMutant } from '../mutants/copy.ts';
import type { Mutant } from '../mutants/mutants.ts';
import { compare } from './compare.ts';
import { createFaults, type Links, runsForFaults } from './faults.ts';
import { found } from './finding.ts';
import { createProvider } from './provider.ts';
import { reportOf, type SagaReport } from './report.ts';
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

const settleTimeoutMs = 300_000;

/** Starts runs, breaks things under them, waits until the fleet has come to rest, and compares its stores. */
export async function drillSagas(
  config: DrillConfig,
  wish: SagaWish,
  say: (line: string) => void,
): Promise<SagaReport> {
  const dice = createDice(wish.seed);
  const workspace = wish.mutant === undefined ? config.workspace : copyWithMutant(config, wish.mutant);
  const provider = createProvider(createDice(wish.seed + 1));
  const model = await startScriptedModel({ script: provider.script });
  const ports = { database: 0, target: 0 };
  const links: Links = {
    model: await openLink('model provider', () => Number(new URL(model.url).port)),
    target: await openLink('target', () => ports.target),
    database: await openLink('database', () => ports.database),
  };
  let fleet: OwnFleet | undefined;
  try {
    fleet = await startBetweenLinks(config, wish, workspace, links, ports);
    say(`a fleet of ${wish.replicas} of each service is up`);
    const modelUrl = `http://127.0.0.1:${links.model.port}/v1`;
    const world = await prepareWorld(fleet, { modelUrl, runs: wish.runs });
    const targetUrl = `http://127.0.0.1:${links.target.port}`;
    const runs = createRuns({ world, dice, trackerUrl: fleet.trackerUrl, targetUrl });
    const faultDice = createDice(wish.seed + 2);
    const faults = createFaults({ fleet, dice: faultDice, replicas: wish.replicas, runs, links, say });
    const work = runs.start(wish.runs, Math.min(runsForFaults(wish.kills), Math.floor(wish.runs / 2)));
    work.catch(() => undefined);
    for (let kill = 1; kill <= wish.kills; kill += 1) {
      await enough(() => runs.asked.length >= (wish.runs * kill) / (wish.kills + 1), work);
      await faults.kill(kill);
    }
    await work;
    await runs.rested();
    say(`${runs.asked.length} runs have ended; waiting until everything is told`);
    await settled(fleet, world.tenantId);
    const stores = await readStores(fleet, world.tenantId, provider.bill);
    const findings = [
      ...compare(runs.asked, stores),
      ...world.rest.faulty.map((answer) => found('faultyAnswers', answer)),
    ];
    return reportOf({ runs: runs.asked.length, faults: faults.report, stores, findings });
  } finally {
    await fleet?.stop({ state: false });
    for (const link of Object.values<Link>({ ...links })) await link.close();
    await model.stop();
  }
}

/** The workflow service reaches its database and the target, and llm-agent the model, through links that can be cut. */
function startBetweenLinks(
  config: DrillConfig,
  { replicas }: SagaWish,
  workspace: string,
  { model, target, database }: Links,
  behind: { database: number; target: number },
): Promise<OwnFleet> {
  return startOwnFleet({
    workspace,
    stateDir: join(config.stateDir, 'fleet'),
    environment: { ...config.environment, TURBO_FORCE: workspace === config.workspace ? 'false' : 'true' },
    replicas,
    overrides({ portBase, secret }) {
      behind.database = portBase + portOffsets.postgres.sql;
      behind.target = portBase + portOffsets.tracker.http;
      return {
        WORKFLOW_DATABASE_URL: `postgres://workflow_app:${secret('database/workflow_app')}@127.0.0.1:${database.port}/workflow_db`,
        WORKFLOW_HTTP_ALLOWED_HOSTS: `127.0.0.1:${target.port}`,
        LLM_AGENT_ALLOWED_HOSTS: `127.0.0.1:${model.port}`,
      };
    },
  });
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
