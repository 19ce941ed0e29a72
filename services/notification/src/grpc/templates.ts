import type { TemplateService } from '@flotilla/contracts/notification';
import { AppError } from '@flotilla/errors';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { createTemplate, type TemplateWork } from '../commands/create-template.ts';
import { deleteTemplate } from '../commands/delete-template.ts';
import { updateTemplate } from '../commands/update-template.ts';
import type { Schema } from '../db/schema.ts';
import { findTemplate, listTemplates } from '../db/template-repository.ts';
import { templateNotFound } from '../domain/template.ts';
import { channelWords, templateStatusWords, toTemplateMessage } from '../messages/template-message.ts';

export function templates(
  db: Database<Schema>,
  work: TemplateWork & { readonly now: () => Date },
): ServiceImplementation<typeof TemplateService> {
  return {
    getTemplate: (request, call) =>
      db.read(call, async (tx) => {
        const template = await findTemplate(tx, request.id);
        if (template === undefined) throw templateNotFound();
        return toTemplateMessage(template);
      }),
    listTemplates: (request, call) => {
      const size = pageSizeOf(request.pageSize);
      const channel = channelWords.wordOf(request.channel);
      const filter = { channel, status: templateStatusWords.wordOf(request.status), name: request.name };
      const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
      return db.read(call, async (tx) => {
        const { rows, nextPageToken } = toPage(await listTemplates(tx, filter, page), size);
        return { templates: rows.map(toTemplateMessage), nextPageToken };
      });
    },
    createTemplate: (request, call) => {
      const { name, subject, body, variables } = request;
      const channel = channelWords.wordOf(request.channel);
      if (channel === undefined) throw new AppError('invalid_argument', 'CHANNEL_MISSING', 'A channel is needed.');
      const wish = { name, channel, subject, body, variables };
      return db.write(call, async (tx) => toTemplateMessage(await createTemplate(work, tx, wish)));
    },
    updateTemplate: (request, call) => {
      const { id, etag, subject, body, variables } = request;
      const wish = { id, etag, subject, body, variables, status: templateStatusWords.wordOf(request.status ?? 0) };
      return db.write(call, async (tx) => toTemplateMessage(await updateTemplate(work, tx, wish)));
    },
    deleteTemplate: (request, call) =>
      db.write(call, async (tx) => {
        await deleteTemplate(work.now(), tx, request);
        return {};
      }),
  };
}
