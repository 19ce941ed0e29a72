import type { GrantService } from '@flotilla/contracts/identity';
import { retryable, toAppError } from '@flotilla/errors';
import { type GrpcClient, withoutDeadline } from '@flotilla/grpc';

/** Somebody to act for later. */
export interface Subject {
  readonly tenantId: string;
  readonly token: string;
}

/** Has identity store a permission to act for somebody; answers the id of the grant. */
export type GrantFor = (subject: Subject, purpose: string) => Promise<string>;

interface Wish {
  readonly purpose: string;
  resolve(grantId: string): void;
  reject(error: unknown): void;
}

/** As many as identity takes at once. */
const MOST_AT_ONCE = 100;

/** While identity is being asked for somebody, what else is wished for them waits, and is then asked for in one call. */
export function createGatheredGrants(needs: {
  readonly grants: Pick<GrpcClient<typeof GrantService>, 'batchCreateGrants'>;
  readonly ownToken: (tenantId: string) => Promise<string>;
}): GrantFor {
  const { grants, ownToken } = needs;
  const waiting = new Map<string, Wish[]>();

  async function ask({ tenantId, token: subjectToken }: Subject, wishes: readonly Wish[]): Promise<void> {
    try {
      const purposes = wishes.map(({ purpose }) => purpose);
      const { grantIds } = await grants.batchCreateGrants(
        { subjectToken, purposes },
        { token: await ownToken(tenantId) },
      );
      for (const [index, { resolve }] of wishes.entries()) resolve(grantIds[index] ?? '');
    } catch (error) {
      // What is wrong with one of them is its own affair.
      const isOfOne = wishes.length > 1 && !retryable(toAppError(error).code);
      if (isOfOne) await Promise.all(wishes.map((wish) => ask({ tenantId, token: subjectToken }, [wish])));
      else for (const { reject } of wishes) reject(error);
    }
  }

  async function drain(subject: Subject, wishes: Wish[]): Promise<void> {
    while (wishes.length > 0) await ask(subject, wishes.splice(0, MOST_AT_ONCE));
    waiting.delete(subject.token);
  }

  return (subject, purpose) =>
    new Promise((resolve, reject) => {
      const wish = { purpose, resolve, reject };
      const others = waiting.get(subject.token);
      if (others !== undefined) return void others.push(wish);
      const wishes = [wish];
      waiting.set(subject.token, wishes);
      // Those that come meanwhile may have more time than the first one.
      void withoutDeadline(() => drain(subject, wishes));
    });
}
