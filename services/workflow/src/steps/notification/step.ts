import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { StepKind } from '../../domain/step-kind.ts';

/** What is asked of notification. */
export interface NotificationRequest extends JsonObject {
  /** One of the two names the template. */
  templateId: string | null;
  templateName: string | null;
  recipientId: string;
  recipientAddress: string;
  variables: JsonObject;
  priority: string;
}

const template = { type: 'string', minLength: 1 };

/** Tells somebody. Its undo withdraws what has not left yet and refuses a late send; it needs no words of the author. Leaves `output.notificationId`. */
export const notificationStep: StepKind = {
  kind: 'notification',
  effect: true,
  required: [],
  fields: {
    templateId: { ...template, description: 'Template of the id; or `templateName`.' },
    templateName: { ...template, description: 'Template of the name; or `templateId`.' },
    recipientId: { ...template, description: 'Template of the user to tell. None given: whoever started the run.' },
    recipientAddress: { ...template, description: 'Template of the address, for e-mail.' },
    variables: { type: 'object', description: 'Templates by variable.' },
    priority: { enum: ['low', 'normal', 'high', 'urgent'] },
  },
  read(fields, reader) {
    const optional = (name: string) =>
      fields[name] === undefined
        ? undefined
        : reader.template(`/${name}`, fields[name] as JsonValue, { result: 'text' });
    const templateId = optional('templateId');
    const templateName = optional('templateName');
    const recipientId = optional('recipientId');
    const recipientAddress = optional('recipientAddress');
    const variables = reader.template('/variables', fields['variables'] ?? {});
    if ((templateId === undefined) === (templateName === undefined)) {
      reader.problem(
        templateId === undefined ? '/templateId' : '/templateName',
        'FIELD_INVALID',
        'Either "templateId" or "templateName" names the template.',
      );
    }
    return {
      editable: { variables: 'object' },
      plan: (scope): NotificationRequest => ({
        templateId: templateId === undefined ? null : (templateId(scope) as string),
        templateName: templateName === undefined ? null : (templateName(scope) as string),
        recipientId: recipientId === undefined ? scope.run.startedBy : (recipientId(scope) as string),
        recipientAddress: recipientAddress === undefined ? '' : (recipientAddress(scope) as string),
        variables: variables(scope) as JsonObject,
        priority: (fields['priority'] ?? 'normal') as string,
      }),
      planUndo: () => ({}),
    };
  },
};
