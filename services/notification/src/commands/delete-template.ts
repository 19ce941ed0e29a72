import { TemplateDeletedSchema } from '@flotilla/contracts/notification';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { isTemplateSubscribed } from '../db/subscription-repository.ts';
import { lockTemplate, markTemplateDeleted } from '../db/template-repository.ts';
import { templateNotFound } from '../domain/template.ts';
import { toTemplateMessage } from '../messages/template-message.ts';

/** The lock comes before the look at who uses it: a subscription that is being made holds its template. */
export async function deleteTemplate(now: Date, tx: Tx<Schema>, wish: { id: string; etag: string }): Promise<void> {
  const template = await lockTemplate(tx, wish.id);
  if (template === undefined) throw templateNotFound();
  checkRevision(template, wish.etag);
  if (await isTemplateSubscribed(tx, template.id)) {
    throw new AppError('failed_precondition', 'TEMPLATE_IN_USE', 'A subscription uses the template.');
  }
  await markTemplateDeleted(tx, template, now);
  const message = { template: toTemplateMessage(template) };
  await appendEvent(tx, { schema: TemplateDeletedSchema, message, id: template.id });
}
