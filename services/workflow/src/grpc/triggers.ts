import { durationMs } from '@bufbuild/protobuf/wkt';
import type { TriggerService } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import type { ServiceImplementation } from '@flotilla/grpc';
import type { Tx } from '@flotilla/postgres';
import { changeTrigger } from '../commands/change-trigger.ts';
import { checkTriggerWish, createTrigger } from '../commands/create-trigger.ts';
import { type Delivering, deliverWebhook } from '../commands/deliver-webhook.ts';
import { fireTrigger } from '../commands/fire-trigger.ts';
import { rotateWebhookSecret } from '../commands/rotate-webhook-secret.ts';
import type { Schema } from '../db/schema.ts';
import { checkInputSize, type Trigger } from '../domain/trigger.ts';
import { toFiringMessage } from '../messages/firing-message.ts';
import { toTriggerMessage, triggerKinds } from '../messages/trigger-message.ts';
import { pageOfFirings } from '../queries/schedules.ts';
import { getTrigger, pageOfTriggers } from '../queries/triggers.ts';
import { getWorkflow } from '../queries/workflows.ts';
import { actorId } from './actor-id.ts';
import { causedBy } from './caused-by.ts';
import { type Granting, withGrant } from './with-grant.ts';

/** How long a webhook's old secret is accepted, unless said. */
const DEFAULT_OVERLAP_MS = 86_400_000;

/** What answering for triggers needs from outside. */
export interface Triggering extends Delivering, Granting {
  /** A firing is due. */
  readonly fired: () => void;
}

export function triggers(triggering: Triggering): ServiceImplementation<typeof TriggerService> {
  const { db, now, newId, fired } = triggering;
  return {
    getTrigger: ({ id }, call) => db.read(call, async (tx) => toTriggerMessage(await getTrigger(tx, id))),
    listTriggers: ({ workflowId, kind, pageSize, pageToken }, call) =>
      db.read(call, async (tx) => {
        const page = await pageOfTriggers(tx, { workflowId, kind: triggerKinds.wordOf(kind), pageSize, pageToken });
        return { triggers: page.rows.map(toTriggerMessage), nextPageToken: page.nextPageToken };
      }),
    async createTrigger(request, call) {
      const createdBy = actorId(call);
      const { workflowId, name, eventType, filter, inputMapping } = request;
      const kind = triggerKinds.wordOf(request.kind) ?? 'api';
      const wish = { workflowId, name, kind, eventType, filter, inputMapping };
      checkTriggerWish(wish);
      await db.read(call, (tx) => getWorkflow(tx, workflowId)); // before a grant is made for nothing
      const id = newId();
      const make = (grantId: string) => async (tx: Tx<Schema>) => {
        const made = await createTrigger(triggering, tx, { ...wish, id, grantId, createdBy });
        return { trigger: toTriggerMessage(made.trigger), webhookSecret: made.webhookSecret };
      };
      return withGrant(
        triggering,
        call,
        `workflow_triggers/${id}`,
        (grantId) => db.write(call, make(grantId)),
        (made) => made.trigger.id === id,
      );
    },
    async updateTrigger(request, call) {
      const updatedBy = actorId(call);
      await db.read(call, (tx) => getTrigger(tx, request.id));
      const { name, filter, inputMapping, clearInputMapping } = request;
      const mapsInput = clearInputMapping || Object.keys(inputMapping).length > 0;
      const change =
        (grantId: string) =>
        (known: Trigger): Trigger => ({
          ...known,
          name: name ?? known.name,
          filter: filter ?? known.filter,
          inputMapping: mapsInput ? inputMapping : known.inputMapping,
          grantId,
          updatedBy,
        });
      return toTriggerMessage(
        await withGrant(triggering, call, `workflow_triggers/${newId()}`, (grantId) =>
          db.write(call, (tx) => changeTrigger(tx, request, change(grantId))),
        ),
      );
    },
    rotateWebhookSecret: ({ id, etag, overlap }, call) =>
      db.write(call, async (tx) => {
        const overlapMs = overlap === undefined ? DEFAULT_OVERLAP_MS : durationMs(overlap);
        const { trigger, webhookSecret } = await rotateWebhookSecret(triggering, tx, { id, etag, overlapMs });
        return { trigger: toTriggerMessage(trigger), webhookSecret };
      }),
    deleteTrigger: (request, call) =>
      db.write(call, async (tx) => {
        await changeTrigger(tx, request, (known) => ({ ...known, deleted: true }));
        return {};
      }),
    enableTrigger: (request, call) =>
      db.write(call, async (tx) => toTriggerMessage(await changeTrigger(tx, request, to('enabled')))),
    disableTrigger: (request, call) =>
      db.write(call, async (tx) => toTriggerMessage(await changeTrigger(tx, request, to('disabled')))),
    async fireTrigger({ id, input = {} }, call) {
      const { traceparent } = call;
      const firing = await db.write(call, async (tx) => {
        const trigger = await getTrigger(tx, id);
        if (trigger.status === 'disabled') {
          throw new AppError('failed_precondition', 'TRIGGER_DISABLED', 'The trigger is disabled.');
        }
        const value = checkInputSize(input);
        const happening = { cause: 'call', value, at: now(), traceparent, causationDepth: causedBy(call) } as const;
        const accepted = await fireTrigger(triggering, tx.causedBy(causedBy(call)), trigger, {
          ...happening,
          key: `call/${newId()}`,
        });
        return accepted === undefined ? {} : toFiringMessage(accepted);
      });
      fired();
      return firing;
    },
    listTriggerFirings: ({ triggerId, pageSize, pageToken }, call) =>
      db.read(call, async (tx) => {
        await getTrigger(tx, triggerId);
        const page = await pageOfFirings(tx, triggerId, { pageSize, pageToken });
        return { firings: page.rows.map(toFiringMessage), nextPageToken: page.nextPageToken };
      }),
    async deliverWebhook(request, call) {
      const { traceparent } = call;
      const causationDepth = causedBy(call);
      const { path, body, webhookId: id, webhookTimestamp: timestamp, webhookSignature: signature } = request;
      const firingId = await deliverWebhook(triggering, {
        ...{ path, id, timestamp, signature, body, traceparent, causationDepth },
      });
      fired();
      return { firingId };
    },
  };
}

/** A trigger that has this status already stays as it is. */
function to(status: Trigger['status']): (known: Trigger) => Trigger {
  return (known) => (known.status === status ? known : { ...known, status });
}
