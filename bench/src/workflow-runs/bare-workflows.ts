import { proxyLocalActivities } from '@temporalio/workflow';
import type { BareActivities } from './bare-worker.ts';

const { request, choose } = proxyLocalActivities<BareActivities>({ startToCloseTimeout: '20s' });

/** Nothing at all: what the engine costs. */
export async function emptyRun(): Promise<void> {}

/** The same three steps as the definition's, written by hand. */
export async function threeStepRun(url: string): Promise<string> {
  const id = await request(`${url}/open`);
  if ((await choose(id)) === 'publish') await request(`${url}/publish`);
  return id;
}
