import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type InstanceService, TaskValuePart, Undo } from '@flotilla/contracts/workflow';
import type { Call, ServiceImplementation } from '@flotilla/grpc';
import { type GatheredWrites, scopeOf, type Tx } from '@flotilla/postgres';
import { cancelInstance } from '../commands/cancel-instance.ts';
import { pauseInstance, resumeInstance } from '../commands/pause-instance.ts';
import { retryInstance } from '../commands/retry-instance.ts';
import { signalInstance } from '../commands/signal-instance.ts';
import type { Instance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import { stepIdOf } from '../domain/path.ts';
import { type Starting, startFor } from '../lane/start-run.ts';
import { fromListRequest, toInstanceMessage } from '../messages/instance-message.ts';
import { toCompensationMessage, toTaskMessage } from '../messages/task-message.ts';
import { compensationsOf, getInstance, pageOfInstances, pageOfTasks, taskValue } from '../queries/instances.ts';
import { type Update, watchInstance } from '../queries/watch-instance.ts';
import { definitionFor } from '../queries/workflows.ts';
import { actorId } from './actor-id.ts';
import { causedBy } from './caused-by.ts';
import { type Granting, withGrant } from './with-grant.ts';

/** What answering for runs needs from outside. */
export interface Running extends Starting, Granting {
  readonly newId: () => string;
  /** Runs that one caller starts at once are written together. */
  readonly starts: GatheredWrites<Schema>;
}

export function instances(running: Running): ServiceImplementation<typeof InstanceService> {
  const { db, drivers, starts } = running;

  /** Has a command move a run, and tells its driver. */
  async function steered<Wish>(
    call: Call,
    instanceId: string,
    command: (running: Running, tx: Tx<Schema>, wish: Wish) => Promise<Instance>,
    wish: Wish,
  ) {
    const message = await db.write(call, async (tx) => toInstanceMessage(await command(running, tx, wish)));
    drivers.wake({ tenantId: call.principal.tenantId, instanceId });
    return message;
  }

  return {
    async startInstance({ workflowId, input = {}, tags }, call) {
      const startedBy = actorId(call);
      const id = running.newId();
      // What can be refused is refused before a grant is made for nothing.
      const definition = await definitionFor(running, call, workflowId, input);
      const { traceparent } = call;
      const start = startFor(running, call.principal.tenantId, definition);
      const wish = { id, workflowId, input, tags, traceparent, startedBy };
      const accept = (grantId: string) => {
        const body = async (tx: Tx<Schema>) =>
          toInstanceMessage(await start.accept(tx.causedBy(causedBy(call)), { ...wish, grantId }));
        // What is kept under a key is kept by a transaction of its own.
        if (call.idempotency !== undefined) return db.write(call, body);
        return starts.write({ scope: scopeOf(call), lane: 'start', deadline: call.deadline, body });
      };
      const started = await withGrant(
        running,
        call,
        `workflow_instances/${id}`,
        accept,
        (made) => made.id === id,
      ).catch((error: unknown) => {
        start.giveUp();
        throw error;
      });
      if (started.id === id) start.go();
      else start.giveUp();
      return started;
    },
    getInstance: ({ id }, call) => db.read(call, async (tx) => toInstanceMessage(await getInstance(tx, id))),
    listInstances: (request, call) =>
      db.read(call, async (tx) => {
        const page = await pageOfInstances(tx, fromListRequest(request), request);
        return { instances: page.rows.map(toInstanceMessage), nextPageToken: page.nextPageToken };
      }),
    async cancelInstance({ id, reason, undo, savepoint }, call) {
      const requestedBy = call.principal.actor.id;
      const wish = { id, reason, requestedBy, savepoint, ...undoOf(undo) };
      const instance = await db.write(call, (tx) => cancelInstance(running, tx, wish));
      drivers.cancel(id);
      return toInstanceMessage(instance);
    },
    pauseInstance: (request, call) => steered(call, request.id, pauseInstance, { ...request, ...requestedBy(call) }),
    resumeInstance: (request, call) => steered(call, request.id, resumeInstance, { ...request, ...requestedBy(call) }),
    signalInstance: ({ id, name, payload = {} }, call) =>
      steered(call, id, signalInstance, { id, name, payload, sentBy: call.principal.actor.id }),
    async retryInstance({ id, stepId, input, reason }, call) {
      actorId(call);
      await db.read(call, (tx) => getInstance(tx, id)); // before a grant is made for nothing
      const retry = async (grantId: string) => {
        const wish = { id, stepId, input, reason, grantId, ...requestedBy(call) };
        const message = await db.write(call, async (tx) => toInstanceMessage(await retryInstance(running, tx, wish)));
        const { driverEpoch: epoch, ...now } = await db.read(call, (tx) => getInstance(tx, id));
        const used = now.grantId === grantId;
        if (used) drivers.start({ tenantId: call.principal.tenantId, instanceId: id, epoch });
        return { message, used };
      };
      const purpose = `workflow_instances/${id}/${running.newId()}`;
      return (await withGrant(running, call, purpose, retry, ({ used }) => used)).message;
    },
    listTasks: (request, call) =>
      db.read(call, async (tx) => {
        const page = await pageOfTasks(tx, request);
        return {
          tasks: page.rows.map((task) => toTaskMessage(task, page.agentName(task))),
          nextPageToken: page.nextPageToken,
        };
      }),
    getTaskValue: ({ instanceId, taskId, part, offset }, call) =>
      db.read(call, (tx) =>
        taskValue(tx, { instanceId, taskId, offset, part: part === TaskValuePart.INPUT ? 'input' : 'output' }),
      ),
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

function undoOf(undo: Undo): { readonly undo?: 'all' | 'none' } {
  if (undo === Undo.UNSPECIFIED) return {};
  return { undo: undo === Undo.ALL ? 'all' : 'none' };
}

function requestedBy({ principal }: Call): { readonly requestedBy: string } {
  return { requestedBy: principal.actor.id };
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
