import type { CompensationService } from '@flotilla/contracts/workflow';
import type { Call, ServiceImplementation } from '@flotilla/grpc';
import type { Tx } from '@flotilla/postgres';
import type { Moving } from '../commands/advance.ts';
import {
  assignQueuedCompensation,
  retryCompensation,
  type Steering,
  skipCompensation,
} from '../commands/steer-compensation.ts';
import type { Compensation } from '../db/compensation-repository.ts';
import type { Schema } from '../db/schema.ts';
import { fromAttention, toCompensationMessage } from '../messages/task-message.ts';
import { getCompensation, pageOfQueuedCompensations } from '../queries/compensations.ts';
import { actorId } from './actor-id.ts';
import type { Running } from './instances.ts';

export function compensations(
  running: Moving & Pick<Running, 'db' | 'drivers'>,
): ServiceImplementation<typeof CompensationService> {
  const { db, drivers } = running;
  async function steer(
    call: Call,
    { id, reason }: { id: string; reason: string },
    command: (moving: typeof running, tx: Tx<Schema>, wish: Steering) => Promise<Compensation>,
  ) {
    const wish = { id, reason, requestedBy: actorId(call) };
    const compensation = await db.write(call, async (tx) => toCompensationMessage(await command(running, tx, wish)));
    drivers.wake({ tenantId: call.principal.tenantId, instanceId: compensation.instanceId ?? '' });
    return compensation;
  }
  return {
    getCompensation: ({ id }, call) =>
      db.read(call, async (tx) => toCompensationMessage(await getCompensation(tx, id))),
    listQueuedCompensations: ({ attention, instanceId, assigneeId, ...page }, call) =>
      db.read(call, async (tx) => {
        const filter = { attention: fromAttention(attention), instanceId, assigneeId };
        const { rows, nextPageToken } = await pageOfQueuedCompensations(tx, filter, page);
        return { compensations: rows.map(toCompensationMessage), nextPageToken };
      }),
    retryCompensation: (request, call) => steer(call, request, retryCompensation),
    skipCompensation: (request, call) => steer(call, request, skipCompensation),
    assignCompensation: ({ id, assigneeId, note }, call) =>
      db.write(call, async (tx) => toCompensationMessage(await assignQueuedCompensation(tx, { id, assigneeId, note }))),
  };
}
