import { AppError, type Violation } from '@flotilla/errors';

export const channels = ['email', 'sms', 'webhook', 'in_app'] as const;
export type Channel = (typeof channels)[number];

export const templateStates = ['active', 'inactive'] as const;
export type TemplateState = (typeof templateStates)[number];

/** A text with declared variables. */
export interface Template {
  readonly id: string;
  readonly name: string;
  readonly channel: Channel;
  /** For e-mail. */
  readonly subject: string;
  readonly body: string;
  readonly variables: readonly string[];
  readonly status: TemplateState;
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A template as it is made: the database counts its revisions and says when. */
export type NewTemplate = Omit<Template, 'revision' | 'createdAt' | 'updatedAt'>;

/** Finds out whether the texts parse and which variables they use; see `liquid-text.ts`. */
export type InspectText = (
  text: string,
) => readonly { readonly name: string; readonly line: number; readonly column: number }[];

/** Refuses a template that could never be sent. */
export function checkTemplate(template: NewTemplate, inspect: InspectText): void {
  if (template.channel === 'sms' || template.channel === 'webhook') {
    throw new AppError(
      'failed_precondition',
      'CHANNEL_UNAVAILABLE',
      `The channel ${template.channel} is not available yet.`,
    );
  }
  const violations: Violation[] = [];
  if (template.channel === 'email' && template.subject === '') {
    violations.push({ field: 'subject', reason: 'TEMPLATE_INVALID', message: 'An e-mail needs a subject.' });
  }
  for (const field of ['subject', 'body'] as const) {
    for (const { name, line, column } of inspectField(template, field, inspect)) {
      if (template.variables.includes(name)) continue;
      const message = `Line ${line}, column ${column}: the variable "${name}" is not declared.`;
      violations.push({ field, reason: 'TEMPLATE_INVALID', message });
    }
  }
  if (violations.length === 0) return;
  const words = violations.map(({ field, message }) => `${field}: ${message}`).join(' ');
  throw new AppError('invalid_argument', 'TEMPLATE_INVALID', words, { violations });
}

function inspectField(template: NewTemplate, field: 'subject' | 'body', inspect: InspectText) {
  try {
    return inspect(template[field]);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, error.reason, `${field}: ${error.message}`, {
      cause: error,
      violations: [{ field, reason: error.reason, message: error.message }],
    });
  }
}

/** Refuses values that the template does not declare, and missing ones: a message with holes must not leave. */
export function checkValues(template: Pick<Template, 'variables'>, names: readonly string[]): void {
  const missing = template.variables.filter((name) => !names.includes(name));
  const unknown = names.filter((name) => !template.variables.includes(name));
  if (missing.length === 0 && unknown.length === 0) return;
  const violations = [
    ...missing.map((name) => ({ field: `variables.${name}`, reason: 'TEMPLATE_VALUES_WRONG', message: 'missing' })),
    ...unknown.map((name) => ({
      field: `variables.${name}`,
      reason: 'TEMPLATE_VALUES_WRONG',
      message: 'not declared',
    })),
  ];
  const words = violations.map(({ field, message }) => `${field}: ${message}`).join('; ');
  throw new AppError('invalid_argument', 'TEMPLATE_VALUES_WRONG', `${words}.`, { violations });
}

export function templateNotFound(): AppError {
  return new AppError('not_found', 'TEMPLATE_NOT_FOUND', 'There is no such template.');
}

/** Refuses to send by a template that is switched off. */
export function checkActive(template: Pick<Template, 'status'>): void {
  if (template.status === 'active') return;
  throw new AppError('failed_precondition', 'TEMPLATE_INACTIVE', 'The template is not active.');
}
