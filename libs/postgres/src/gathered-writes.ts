import { toAppError } from '@flotilla/errors';
import type { Database } from './database.ts';
import type { TransactionScope } from './scope.ts';
import type { Tx } from './tx.ts';

/** Something small to write, on its own or in one transaction with others. */
export interface SmallWrite<S, T> {
  readonly scope: TransactionScope;
  /** What lies in one lane locks the same rows in the same order. */
  readonly lane: string;
  readonly deadline?: Date | undefined;
  /** Runs again where it has to, so it does nothing but SQL. */
  readonly body: (tx: Tx<S>) => Promise<T>;
}

/**
 * While a transaction of a lane is on its way, what else comes for the lane waits, and then goes together: they would wait
 * for each other's locks anyway, and now they share one commit. Whoever comes alone waits for nobody.
 */
export interface GatheredWrites<S> {
  write<T>(wish: SmallWrite<S, T>): Promise<T>;
}

interface Member<S> {
  readonly wish: SmallWrite<S, unknown>;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

const maxTogether = 16;
/** Whoever has less time than this bounds the statements by it, which is no affair of the others. */
const leastLeftMs = 1_000;

/**
 * @param sideBySide for writes that know nothing of each other's rows: what they ask goes out together, too
 * @example
 * const gathered = createGatheredWrites(db);
 * await gathered.write({ scope, lane: `loans ${bookId}`, body: (tx) => lendBook(lending, tx, request) });
 */
export function createGatheredWrites<S>(db: Database<S>, { sideBySide = false } = {}): GatheredWrites<S> {
  /** Who waits, by lane; a lane without a transaction on its way has no entry. */
  const lanes = new Map<string, Member<S>[]>();

  async function drain(key: string, waiting: Member<S>[], first: Member<S>): Promise<void> {
    for (let members = [first]; members.length > 0; members = waiting.splice(0, maxTogether)) {
      const late = new Set(members.filter(hasLittleTime));
      await Promise.all([alone([...late]), together(members.filter((member) => !late.has(member)))]);
    }
    lanes.delete(key);
  }

  async function together(members: readonly Member<S>[]): Promise<void> {
    const [first] = members;
    if (first === undefined || members.length === 1) return alone(members);
    try {
      const results = await db.inTenant(first.wish.scope, async (tx) => {
        const begun = members.map(
          ({ wish }) =>
            () =>
              wish.body(tx.inTrace(wish.scope.traceparent)),
        );
        return sideBySide ? allOf(begun.map((begin) => begin())) : oneByOne(begun);
      });
      for (const [index, member] of members.entries()) member.resolve(results[index]);
    } catch (error) {
      // Where the commit may have come through, nobody writes twice. Everything else is the affair of one of them.
      if (isUncertain(error)) for (const member of members) member.reject(error);
      else await alone(members);
    }
  }

  async function alone(members: readonly Member<S>[]): Promise<void> {
    await Promise.all(
      members.map(({ wish, resolve, reject }) => {
        const { scope, deadline, body } = wish;
        return db.write({ principal: scope, traceparent: scope.traceparent, deadline }, body).then(resolve, reject);
      }),
    );
  }

  return {
    write<T>(wish: SmallWrite<S, T>) {
      const { tenantId, userId, agentId, actor, causationDepth } = wish.scope;
      const key = JSON.stringify([wish.lane, tenantId, userId, agentId, actor, causationDepth]);
      return new Promise<T>((resolve, reject) => {
        const member: Member<S> = { wish, resolve: resolve as Member<S>['resolve'], reject };
        const waiting = lanes.get(key);
        if (waiting !== undefined) {
          waiting.push(member);
          return;
        }
        const queue: Member<S>[] = [];
        lanes.set(key, queue);
        void drain(key, queue, member);
      });
    },
  };
}

/** Waits for all of them, also where one fails: none may go on with a transaction that is over. */
export async function allOf<T>(works: readonly Promise<T>[]): Promise<T[]> {
  return (await Promise.allSettled(works)).map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

async function oneByOne<T>(works: readonly (() => Promise<T>)[]): Promise<T[]> {
  const done: T[] = [];
  for (const work of works) done.push(await work());
  return done;
}

function hasLittleTime<S>({ wish: { deadline } }: Member<S>): boolean {
  return deadline !== undefined && deadline.getTime() - Date.now() < leastLeftMs;
}

function isUncertain(error: unknown): boolean {
  const { code } = toAppError(error);
  return code === 'unavailable' || code === 'deadline_exceeded';
}
