import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@flotilla/testing';
import { expect } from 'vitest';
import { loadConfig } from './config.ts';
import { agentOf } from './estate.ts';
import type { Account, Fleet } from './fleet.ts';

/** What the tracker wrote down about runs. */
export interface TrackerState {
  readonly opened: number;
  readonly published: number;
  readonly withdrawn: number;
  readonly duplicates: number;
  readonly orphans: number;
  readonly records: readonly { readonly id: string; readonly runId: string; readonly state: string }[];
  readonly entries: readonly { readonly kind: string; readonly key?: string; readonly undid?: string }[];
}

/** The workflow of the demo in a tenant of its own; the model is played, the tracker is the real one. */
export interface ReleaseWatch {
  start(): Promise<string>;
  /** The run, once it has ended and its undos are done. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the route answers.
  ended(runId: string): Promise<any>;
  /** Waits until the run asks for its approval, and gives it. */
  signOff(runId: string): Promise<void>;
  /** Waits until the journal of a run has this entry. */
  journaled(runId: string, kind: string, stepId: string): Promise<void>;
  tracker(): Promise<TrackerState>;
  /** How the tracker treats a request to come. */
  mood(mood: { on: string; action: string; ms?: number; status?: number }): Promise<void>;
  calm(): Promise<void>;
}

export const note = { package: 'valkey', version: '8.1.1-1', text: '* Fix CVE-2025-1111: a crash of the parser.' };

/** What the model answers when it is right, and when it makes a CVE up. */
export const rightAnswer = { summary: 'valkey no longer crashes.', severity: 'low', cves: ['CVE-2025-1111'] };
export const inventedAnswer = { ...rightAnswer, cves: ['CVE-2025-1111', 'CVE-2099-9999'] };

export async function openReleaseWatch(fleet: Fleet, account: Account): Promise<ReleaseWatch> {
  const { key } = account;
  const post = (path: string, body: unknown) => fleet.ok('POST', path, { key, body });
  const demoFile = join(loadConfig().workspace, 'demo/definitions/release-watch.json');

  await post('/v1/agents', {
    ...agentOf('release-summariser'),
    outputSchema: {
      type: 'object',
      required: ['summary', 'severity', 'cves'],
      properties: {
        summary: { type: 'string' },
        severity: { type: 'string' },
        cves: { type: 'array', items: { type: 'string' } },
      },
    },
  });
  const rule = await post('/v1/validation-rules', {
    name: 'no CVE is invented',
    ruleType: 'RULE_TYPE_CUSTOM',
    configuration: { expression: 'output.cves.all(id, context.text.contains(id))' },
  });
  const scoringModel = await post('/v1/scoring-models', { name: 'release-watch', rules: [{ ruleId: rule.id }] });
  const variables = ['package', 'version', 'outcome'];
  const body = '{{ package }} {{ version }}: {{ outcome }}';
  await post('/v1/notification-templates', { name: 'release-published-inbox', channel: 'in_app', body, variables });
  await post('/v1/notification-templates', {
    name: 'release-published-email',
    channel: 'email',
    subject: '{{ package }}',
    body: `${body} {{ severity }} {{ summary }}`,
    variables: [...variables, 'severity', 'summary'],
  });
  const workflow = await post('/v1/workflows', {
    name: 'Release watch',
    slug: 'release-watch',
    definition: JSON.parse(readFileSync(demoFile, 'utf8')),
  });
  await post(`/v1/workflows/${workflow.id}:activate`, {});

  const askTracker = async (method: string, path: string, wish?: unknown) => {
    const answer = await fetch(`${fleet.trackerUrl}${path}`, {
      method,
      ...(wish === undefined ? {} : { body: JSON.stringify(wish), headers: { 'content-type': 'application/json' } }),
      signal: AbortSignal.timeout(60_000),
    });
    expect(answer.ok, `${method} ${path} at the tracker: ${answer.status}`).toBe(true);
    return answer;
  };
  const isJournaled = async (runId: string, kind: string, stepId: string) => {
    const statement = 'select seq from workflow_journal where instance_id = $1 and kind = $2 and step_id = $3';
    return (await fleet.sql('workflow', statement, [runId, kind, stepId])).length > 0;
  };
  const approve = async (runId: string) => {
    const path = `/v1/approvals?instanceId=${runId}&status=APPROVAL_STATUS_PENDING`;
    for (const { id } of (await fleet.ok('GET', path, { key })).approvals) {
      await fleet.call('POST', `/v1/approvals/${id}:decide`, { key, body: { verdict: 'VERDICT_APPROVE' } });
    }
  };
  return {
    async signOff(runId) {
      await eventually(
        async () => {
          await approve(runId);
          return isJournaled(runId, 'step_completed', 'sign_off');
        },
        { timeoutMs: 120_000, intervalMs: 100 },
      );
    },
    async start() {
      const input = {
        ...note,
        trackerUrl: fleet.trackerUrl,
        scoringModelId: scoringModel.id,
        ownerEmail: account.email,
      };
      const headers = { 'idempotency-key': randomUUID() };
      return (await fleet.ok('POST', `/v1/workflows/${workflow.id}:start`, { key, body: { input }, headers })).id;
    },
    ended: (runId) =>
      eventually(
        async () => {
          const run = await fleet.ok('GET', `/v1/instances/${runId}`, { key });
          if (run.currentSteps.includes('sign_off')) await approve(runId);
          expect(run.completeTime, JSON.stringify(run)).toBeTruthy();
          return run;
        },
        { timeoutMs: 180_000, intervalMs: 500 },
      ),
    async journaled(runId, kind, stepId) {
      await eventually(() => isJournaled(runId, kind, stepId), { timeoutMs: 120_000, intervalMs: 50 });
    },
    tracker: async () => (await (await askTracker('GET', '/state')).json()) as TrackerState,
    mood: async (mood) => void (await askTracker('POST', '/moods', mood)),
    calm: async () => void (await askTracker('DELETE', '/moods')),
  };
}
