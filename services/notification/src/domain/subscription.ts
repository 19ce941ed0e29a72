import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { AppError } from '@flotilla/errors';
import { compileExpression, type Expression, type JsonObject, type JsonValue } from '@flotilla/expressions';
import { checkValues, type Template } from './template.ts';

/** A standing wish: when this event happens, send that template. */
export interface Subscription {
  readonly id: string;
  readonly eventType: string;
  /** CEL over `event`; empty means every such event. */
  readonly filter: string;
  readonly templateId: string;
  /** Empty means whoever the event names as its creator. */
  readonly recipientId: string;
  /** For e-mail. Events carry no addresses. */
  readonly recipientAddress: string;
  /** Template variable → CEL over `event`. */
  readonly variables: Readonly<Record<string, string>>;
  /** Who made it: told when it does not work. */
  readonly createdBy: string;
  readonly revision: number;
  readonly createdAt: Date;
}

interface CompiledSubscription {
  readonly filter: Expression<boolean> | undefined;
  readonly variables: readonly { readonly name: string; readonly value: Expression }[];
}

/** Compiles the expressions of a subscription. @throws AppError invalid_argument EXPRESSION_INVALID with the place. */
export function compileSubscription({
  filter,
  variables,
}: Pick<Subscription, 'filter' | 'variables'>): CompiledSubscription {
  const seen = { event: 'map' } as const;
  return {
    filter: filter === '' ? undefined : compileExpression(filter, { variables: seen, result: 'bool', field: 'filter' }),
    variables: Object.entries(variables).map(([name, text]) => ({
      name,
      value: compileExpression(text, { variables: seen, field: `variables.${name}` }),
    })),
  };
}

/** Refuses a subscription that could never send anything. */
export function checkSubscription(subscription: Subscription, template: Template, event: DescMessage): void {
  compileSubscription(subscription);
  checkValues(template, Object.keys(subscription.variables));
  if (template.channel === 'email' && subscription.recipientAddress === '') {
    throw missing('recipient_address', 'An e-mail needs an address: events carry none.');
  }
  if (subscription.recipientId === '' && creatorPath(event) === undefined) {
    throw missing(
      'recipient_id',
      `${event.typeName} does not name who created it, so the subscription must name a recipient.`,
    );
  }
}

function missing(field: string, message: string): AppError {
  return new AppError('failed_precondition', 'SUBSCRIPTION_RECIPIENT_MISSING', message, {
    violations: [{ field, reason: 'SUBSCRIPTION_RECIPIENT_MISSING', message }],
  });
}

/** What an event makes of a subscription. */
export type SubscriptionMatch =
  | { readonly kind: 'ignored' }
  | { readonly kind: 'matched'; readonly recipientId: string; readonly values: JsonObject }
  /** The wish cannot be fulfilled for this event; its owner is told. */
  | { readonly kind: 'broken'; readonly reason: string };

/** Applies a subscription to an event as JSON. A mistake of the author breaks this wish, never the event. */
export function matchEvent(subscription: Subscription, event: JsonObject, schema: DescMessage): SubscriptionMatch {
  try {
    const { filter, variables } = compileSubscription(subscription);
    if (filter !== undefined && !filter.evaluate({ event })) return { kind: 'ignored' };
    const recipientId = subscription.recipientId || creatorOf(event, schema);
    if (recipientId === '') return { kind: 'broken', reason: 'The event does not name who created it.' };
    const values = Object.fromEntries(variables.map(({ name, value }) => [name, value.evaluate({ event })]));
    return { kind: 'matched', recipientId, values };
  } catch (error) {
    if (error instanceof AppError) return { kind: 'broken', reason: error.message };
    throw error;
  }
}

/** Where the event names its creator: itself or in the resource that it carries. */
export function creatorPath(event: DescMessage): readonly string[] | undefined {
  if (event.fields.some(isCreator)) return ['createdBy'];
  const carrier = event.fields.find((field) => field.fieldKind === 'message' && field.message.fields.some(isCreator));
  return carrier && [carrier.jsonName, 'createdBy'];
}

function isCreator(field: DescField): boolean {
  return field.name === 'created_by' && field.fieldKind === 'scalar';
}

function creatorOf(event: JsonObject, schema: DescMessage): string {
  let value: JsonValue | undefined = event;
  for (const key of creatorPath(schema) ?? ['']) {
    value =
      typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject)[key] : undefined;
  }
  return typeof value === 'string' && /^[0-9a-f-]{36}$/.test(value) ? value : '';
}

export function subscriptionNotFound(): AppError {
  return new AppError('not_found', 'SUBSCRIPTION_NOT_FOUND', 'There is no such subscription.');
}
