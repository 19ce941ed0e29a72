import { type NotificationService, Priority, type TemplateService } from '@flotilla/contracts/notification';
import { AppError } from '@flotilla/errors';
import type { GrpcClient } from '@flotilla/grpc';
import type { Attempt, Performer } from '../performer.ts';
import type { NotificationRequest } from './step.ts';

const priorities: Record<string, Priority> = {
  low: Priority.LOW,
  normal: Priority.NORMAL,
  high: Priority.HIGH,
  urgent: Priority.URGENT,
};

/** Hands messages to notification, and takes back what has not left yet. */
export function createNotificationPerformer(
  notifications: GrpcClient<typeof NotificationService>,
  templates: GrpcClient<typeof TemplateService>,
): Performer {
  return {
    async perform(attempt) {
      const { templateId, templateName, priority, ...rest } = attempt.request as NotificationRequest;
      const { token, signal, timeoutMs: deadlineMs, effectKey: idempotencyKey } = attempt;
      const { recipientId, recipientAddress, variables } = rest;
      const notification = await notifications.sendNotification(
        {
          recipientId,
          recipientAddress,
          variables,
          templateId: templateId ?? (await findByName(templates, templateName ?? '', attempt)),
          priority: priorities[priority] ?? Priority.NORMAL,
          metadata: { instanceId: attempt.instanceId },
        },
        { token, signal, deadlineMs, idempotencyKey },
      );
      return { output: { notificationId: notification.id } };
    },
    async undo({ doKey, token, signal, timeoutMs: deadlineMs }) {
      await notifications.revokeNotification({ idempotencyKey: doKey }, { token, signal, deadlineMs });
    },
  };
}

async function findByName(
  templates: GrpcClient<typeof TemplateService>,
  name: string,
  { token, signal }: Attempt,
): Promise<string> {
  const [template] = (await templates.listTemplates({ name, pageSize: 1 }, { token, signal })).templates;
  if (template === undefined) {
    throw new AppError('failed_precondition', 'TEMPLATE_NOT_FOUND', `There is no notification template "${name}".`);
  }
  return template.id;
}
