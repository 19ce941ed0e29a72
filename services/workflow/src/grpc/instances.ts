import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { GrantService } from '@flotilla/contracts/identity';
import type { InstanceService } from '@flotilla/contracts/workflow';
import { AppError, retryable } from '@flotilla/errors';
import type { Call, GrpcClient, ServiceImplementation } from '@flotilla/grpc';
import { type Database, scopeOf } from '@flotilla/postgres';
import { cancelInstance } from '../commands/cancel-instance.ts';
import { insertEndedGrant } from '../db/grant-repository.ts';
import type { Schema } from '../db/schema.ts';
import { stepIdOf } from '../domain/path.ts';
import { type Starting, startFor } from '../lane/start-run.ts';
import { fromListRequest, toInstanceMessage } from '../messages/instance-message.ts';
import { toCompensationMessage, toTaskMessage } from '../messages/task-message.ts';
import { compensationsOf, getInstance, pageOfInstances, pageOfTasks } from '../queries/instances.ts';
import type { Wakeups } from '../queries/wakeups.ts';
import { type Update, watchInstance } from '../queries/watch-instance.ts';
import { definitionToStart } from '../queries/workflows.ts';
import { actorId } from './actor-id.ts';

/** What answering for runs needs from outside. */
export interface Running extends Starting {
  readonly db: Database<Schema>;
  readonly newId: () => string;
  readonly wakeups: Wakeups;
  readonly grants: Pick<GrpcClient<typeof GrantService>, 'createGrant'>;
  readonly ownToken: (tenantId: string) => Promise<string>;
}

export function instances(running: Running): ServiceImplementation<typeof InstanceService> {
  const { db, drivers, wakeups } = running;
  return {
    async startInstance({ workflowId, input = {}, tags }, call) {
      const startedBy = actorId(call);
      const id = running.newId();
      const definition = await db.read(call, (tx) => definitionToStart(running, tx, workflowId)); // before a grant is made for nothing
      const grantId = await grantFor(running, call, id);
      const { traceparent } = call;
      const unused = () => db.inTenant(scopeOf(call), (tx) => insertEndedGrant(tx, grantId));
      const start = startFor(running, call.principal.tenantId, definition);
      const wish = { id, workflowId, input, tags, grantId, traceparent, startedBy };
      const started = await db
        .write(call, async (tx) => toInstanceMessage(await start.accept(tx, wish)))
        .catch(async (error: unknown) => {
          start.giveUp();
          // After any other error the run may have been accepted all the same.
          if (error instanceof AppError && !retryable(error.code)) await unused();
          throw error;
        });
      if (started.id === id) start.go();
      else {
        start.giveUp();
        await unused();
      }
      return started;
    },
    getInstance: ({ id }, call) => db.read(call, async (tx) => toInstanceMessage(await getInstance(tx, id))),
    listInstances: (request, call) =>
      db.read(call, async (tx) => {
        const page = await pageOfInstances(tx, fromListRequest(request), request);
        return { instances: page.rows.map(toInstanceMessage), nextPageToken: page.nextPageToken };
      }),
    async cancelInstance({ id, reason }, call) {
      const requestedBy = call.principal.actor.id;
      const instance = await db.write(call, (tx) => cancelInstance(running, tx, { id, reason, requestedBy }));
      wakeups.wake(id);
      drivers.cancel(id);
      return toInstanceMessage(instance);
    },
    listTasks: (request, call) =>
      db.read(call, async (tx) => {
        const page = await pageOfTasks(tx, request);
        return { tasks: page.rows.map(toTaskMessage), nextPageToken: page.nextPageToken };
      }),
    listCompensations: ({ instanceId }, call) =>
      db.read(call, async (tx) => ({
        compensations: (await compensationsOf(tx, instanceId)).map(toCompensationMessage),
      })),
    async *watchInstance({ id, after }, call) {
      for await (const update of watchInstance(running, call, { id, after: Number(after) }))
        yield toUpdateMessage(update);
    },
  };
}

async function grantFor({ grants, ownToken }: Running, call: Call, instanceId: string): Promise<string> {
  const { grantId } = await grants.createGrant(
    { subjectToken: call.token, purpose: `workflow_instances/${instanceId}` },
    { token: await ownToken(call.principal.tenantId) },
  );
  return grantId;
}

function toUpdateMessage({ cursor, entry, instance }: Update) {
  return {
    cursor: BigInt(cursor),
    occurTime: timestampFromDate(new Date(entry.occurredAt)),
    kind: entry.kind,
    path: 'path' in entry ? (entry.path ?? '') : '',
    stepId: 'path' in entry ? stepIdOf(entry.path ?? '') : '',
    visit: 'visit' in entry ? entry.visit : 0,
    instance: toInstanceMessage(instance),
  };
}
