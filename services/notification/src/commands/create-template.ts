import { TemplateCreatedSchema } from '@flotilla/contracts/notification';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { insertTemplate } from '../db/template-repository.ts';
import { type Channel, checkTemplate, type InspectText, type NewTemplate, type Template } from '../domain/template.ts';
import { toTemplateMessage } from '../messages/template-message.ts';

/** What templates need from outside. */
export interface TemplateWork {
  readonly newId: () => string;
  readonly inspect: InspectText;
}

export async function createTemplate(
  { newId, inspect }: TemplateWork,
  tx: Tx<Schema>,
  wish: { name: string; channel: Channel; subject: string; body: string; variables: readonly string[] },
): Promise<Template> {
  const wanted: NewTemplate = { ...wish, id: newId(), status: 'active' };
  checkTemplate(wanted, inspect);
  const template = await insertTemplate(tx, wanted);
  const message = { template: toTemplateMessage(template) };
  await appendEvent(tx, { schema: TemplateCreatedSchema, message, id: template.id });
  return template;
}
