import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { enumWords } from '@flotilla/contracts';
import { Channel, type TemplateSchema, TemplateStatus } from '@flotilla/contracts/notification';
import { channels, type Template, templateStates } from '../domain/template.ts';

export const channelWords = enumWords(Channel, channels);
export const templateStatusWords = enumWords(TemplateStatus, templateStates);

export function toTemplateMessage(template: Template): MessageInitShape<typeof TemplateSchema> {
  return {
    id: template.id,
    name: template.name,
    channel: channelWords.valueOf(template.channel),
    subject: template.subject,
    body: template.body,
    variables: [...template.variables],
    status: templateStatusWords.valueOf(template.status),
    createTime: timestampFromDate(template.createdAt),
    updateTime: timestampFromDate(template.updatedAt),
    etag: String(template.revision),
  };
}
