import { TemplateUpdatedSchema } from '@flotilla/contracts/notification';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { isTemplateSubscribed } from '../db/subscription-repository.ts';
import { lockTemplate, updateTemplate as saveTemplate } from '../db/template-repository.ts';
import { checkTemplate, type Template, type TemplateState, templateNotFound } from '../domain/template.ts';
import { toTemplateMessage } from '../messages/template-message.ts';
import type { TemplateWork } from './create-template.ts';

/** Variables are replaced together with a text; without a text they stay, and so they do when none are given. */
export async function updateTemplate(
  { inspect }: TemplateWork,
  tx: Tx<Schema>,
  wish: {
    id: string;
    etag: string;
    subject: string | undefined;
    body: string | undefined;
    variables: readonly string[];
    status: TemplateState | undefined;
  },
): Promise<Template> {
  const template = await lockTemplate(tx, wish.id);
  if (template === undefined) throw templateNotFound();
  checkRevision(template, wish.etag);
  const changed: Template = {
    ...template,
    subject: wish.subject ?? template.subject,
    body: wish.body ?? template.body,
    variables: wish.variables.length > 0 ? wish.variables : template.variables,
    status: wish.status ?? template.status,
  };
  checkTemplate(changed, inspect);
  if (!sameNames(changed.variables, template.variables) && (await isTemplateSubscribed(tx, template.id))) {
    throw new AppError(
      'failed_precondition',
      'TEMPLATE_IN_USE',
      'Subscriptions give values for the declared variables: make another template, or remove them first.',
    );
  }
  const saved = await saveTemplate(tx, changed);
  const message = { template: toTemplateMessage(saved) };
  await appendEvent(tx, { schema: TemplateUpdatedSchema, message, id: saved.id });
  return saved;
}

function sameNames(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name) => right.includes(name));
}
