import { toAppError } from '@flotilla/errors';
import type { Database, TransactionScope, Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';

/** Something small to write, on its own or in one transaction with others. */
export interface SmallWrite<T> {
  readonly scope: TransactionScope;
  /** What lies in one lane locks the same rows in the same order. */
  readonly lane: string;
  readonly deadline?: Date | undefined;
  /** Runs again where it has to, so it does nothing but SQL. */
  readonly body: (tx: Tx<Schema>) => Promise<T>;
}

/**
 * While a transaction of a lane is on its way, what else comes for the lane waits, and then goes together: they would wait
 * for each other's locks anyway, and now they share one commit. Whoever comes alone waits for nobody.
 */
export interface GatheredWrites {
  write<T>(wish: SmallWrite<T>): Promise<T>;
}

interface Member {
  readonly wish: SmallWrite<unknown>;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

const maxTogether = 16;
/** Whoever has less time than this bounds the statements by it, which is no affair of the others. */
const leastLeftMs = 1_000;

export function createGatheredWrites(db: Database<Schema>): GatheredWrites {
  /** Who waits, by lane; a lane without a transaction on its way has no entry. */
  const lanes = new Map<string, Member[]>();

  async function drain(key: string, waiting: Member[], first: Member): Promise<void> {
    for (let members = [first]; members.length > 0; members = waiting.splice(0, maxTogether)) {
      const late = new Set(members.filter(hasLittleTime));
      await Promise.all([alone([...late]), together(members.filter((member) => !late.has(member)))]);
    }
    lanes.delete(key);
  }

  async function together(members: readonly Member[]): Promise<void> {
    const [first] = members;
    if (first === undefined || members.length === 1) return alone(members);
    try {
      const results = await db.inTenant(first.wish.scope, async (tx) => {
        const results: unknown[] = [];
        for (const { wish } of members) results.push(await wish.body(tx.inTrace(wish.scope.traceparent)));
        return results;
      });
      for (const [index, member] of members.entries()) member.resolve(results[index]);
    } catch (error) {
      // Where the commit may have come through, nobody writes twice. Everything else is the affair of one of them.
      if (isUncertain(error)) for (const member of members) member.reject(error);
      else await alone(members);
    }
  }

  async function alone(members: readonly Member[]): Promise<void> {
    await Promise.all(
      members.map(({ wish, resolve, reject }) => {
        const { scope, deadline, body } = wish;
        return db.write({ principal: scope, traceparent: scope.traceparent, deadline }, body).then(resolve, reject);
      }),
    );
  }

  return {
    write<T>(wish: SmallWrite<T>) {
      const { tenantId, userId, agentId, actor, causationDepth } = wish.scope;
      const key = JSON.stringify([wish.lane, tenantId, userId, agentId, actor, causationDepth]);
      return new Promise<T>((resolve, reject) => {
        const member: Member = { wish, resolve: resolve as Member['resolve'], reject };
        const waiting = lanes.get(key);
        if (waiting !== undefined) {
          waiting.push(member);
          return;
        }
        const queue: Member[] = [];
        lanes.set(key, queue);
        void drain(key, queue, member);
      });
    },
  };
}

function hasLittleTime({ wish: { deadline } }: Member): boolean {
  return deadline !== undefined && deadline.getTime() - Date.now() < leastLeftMs;
}

function isUncertain(error: unknown): boolean {
  const { code } = toAppError(error);
  return code === 'unavailable' || code === 'deadline_exceeded';
}
