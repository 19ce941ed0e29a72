import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { grpcServices } from '@flotilla/deploy';
import { eventually } from '@flotilla/testing';
import { expect } from 'vitest';
import { agentOf } from './estate.ts';
import type { Account, CallOptions, Fleet } from './fleet.ts';

/** A client that keeps creating agents and renaming them, whatever happens to the fleet. */
export interface Load {
  /** Waits until the fleet has answered for so many more agents. */
  more(count: number): Promise<void>;
  /** Ends what was begun and answers the ids of all agents that the fleet said it had created. */
  stop(): Promise<readonly string[]>;
}

/** What is no answer: the same request may be repeated under the same key. */
const passing = new Set([409, 429, 503, 504]);

/** Asks under one key until there is an answer. */
export async function insist(fleet: Fleet, method: string, path: string, options: CallOptions) {
  const headers = { ...(method === 'POST' ? { 'idempotency-key': randomUUID() } : {}), ...options.headers };
  const giveUpAt = Date.now() + 180_000;
  for (;;) {
    const answer = await fleet.call(method, path, { ...options, headers }).catch((error: unknown) => {
      // The connection broke; nobody knows what became of the request.
      if (!(error instanceof TypeError)) throw error;
    });
    if (answer !== undefined && answer.status < 300) return answer.body;
    const failure = `${method} ${path}: ${answer?.status} ${JSON.stringify(answer?.body)}`;
    if (Date.now() > giveUpAt || (answer !== undefined && !passing.has(answer.status))) throw new Error(failure);
    await delay(200);
  }
}

export function startLoad(fleet: Fleet, { key }: Account): Load {
  const ids: string[] = [];
  let running = true;
  const client = async () => {
    while (running) {
      const { id } = await insist(fleet, 'POST', '/v1/agents', { key, body: agentOf(`load-${randomUUID()}`) });
      await insist(fleet, 'PATCH', `/v1/agents/${id}`, { key, body: { name: 'renamed' } });
      ids.push(id);
    }
  };
  const clients = Promise.all([client(), client()]);
  const failed = new Promise<never>((_resolve, reject) => clients.catch(reject));
  failed.catch(() => undefined);
  return {
    async more(count) {
      const goal = ids.length + count;
      await Promise.race([failed, eventually(() => ids.length >= goal, { timeoutMs: 180_000, intervalMs: 100 })]);
    },
    async stop() {
      running = false;
      await clients;
      return ids;
    },
  };
}

/**
 * Waits until the audit log has what the tenant's services committed: every event, each once, and those of an aggregate
 * in their order. What was published is what `outbox_sent` keeps.
 */
export async function expectAllAudited(fleet: Fleet, { tenantId }: Account): Promise<void> {
  await eventually(
    async () => {
      const sent = new Set<string>();
      for (const service of grpcServices) {
        const waiting = await fleet.sql(service, 'select seq from outbox where tenant_id = $1', [tenantId]);
        expect(waiting, `waiting in ${service}`).toEqual([]);
        const rows = await fleet.sql<{ id: string }>(service, 'select id from outbox_sent where tenant_id = $1', [
          tenantId,
        ]);
        for (const { id } of rows) sent.add(id);
      }
      const audited = await fleet.sql<{ id: string }>('audit', 'select id from audit_events where tenant_id = $1', [
        tenantId,
      ]);
      expect(audited.map(({ id }) => id).sort()).toEqual([...sent].sort());
    },
    { timeoutMs: 180_000, intervalMs: 500 },
  );
  const stories = await fleet.sql<{ resource_id: string; seqs: number[] }>(
    'audit',
    `select resource_id, array_agg(seq order by ingested_at, seq) as seqs
     from (select resource_id, resource_type, ingested_at, (metadata->>'eventSeq')::integer as seq
           from audit_events where tenant_id = $1 and event_type = 'domain_event') numbered
     group by resource_type, resource_id`,
    [tenantId],
  );
  for (const { resource_id, seqs } of stories) {
    expect(seqs, resource_id).toEqual(seqs.map((_, index) => index + 1));
  }
}

/** What the supervisor knows of each process, once all of them are well. */
export async function wellProcesses(
  fleet: Fleet,
): Promise<Readonly<Record<string, { readonly pid?: number; readonly restarts: number }>>> {
  return await eventually(
    async () => {
      const { processes } = JSON.parse(await fleet.flotilla('status', '--json'));
      return Object.fromEntries(
        processes.map(({ name, pid, restarts }: { name: string; pid?: number; restarts: number }) => [
          name,
          { restarts, ...(pid === undefined ? {} : { pid }) },
        ]),
      );
    },
    { timeoutMs: 240_000, intervalMs: 1_000 },
  );
}
