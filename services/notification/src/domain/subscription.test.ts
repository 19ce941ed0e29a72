import { InstanceFailedSchema, StepFinishedSchema } from '@flotilla/contracts/workflow';
import { expect, test } from 'vitest';
import { checkSubscription, creatorPath, matchEvent, type Subscription } from './subscription.ts';
import type { Template } from './template.ts';

const user = '01900000-0000-7000-8000-000000000001';

const subscription = (more: Partial<Subscription> = {}): Subscription => ({
  id: '1',
  eventType: InstanceFailedSchema.typeName,
  filter: '',
  templateId: '2',
  recipientId: '',
  recipientAddress: '',
  variables: { slug: 'event.instance.workflowSlug' },
  createdBy: user,
  revision: 1,
  createdAt: new Date(0),
  ...more,
});

const template = (more: Partial<Template> = {}): Template => ({
  id: '2',
  name: 'failed',
  channel: 'in_app',
  subject: '',
  body: '{{ slug }} failed',
  variables: ['slug'],
  status: 'active',
  revision: 1,
  createdAt: new Date(0),
  updatedAt: new Date(0),
  ...more,
});

const event = { instance: { workflowSlug: 'release-watch', errorReason: 'X', createdBy: user } };

test('the creator is found in the event or in the resource that it carries', () => {
  expect(creatorPath(InstanceFailedSchema)).toEqual(['instance', 'createdBy']);
  expect(creatorPath(StepFinishedSchema)).toBeUndefined();
});

test('an event that matches names its recipient and the values', () => {
  expect(matchEvent(subscription(), event, InstanceFailedSchema)).toEqual({
    kind: 'matched',
    recipientId: user,
    values: { slug: 'release-watch' },
  });
  const other = subscription({ filter: 'event.instance.errorReason == "Y"' });
  expect(matchEvent(other, event, InstanceFailedSchema)).toEqual({ kind: 'ignored' });
});

test('a wish that does not suit the event is broken, with the reason', () => {
  const wrong = subscription({ variables: { slug: 'event.nope.x' } });
  expect(matchEvent(wrong, event, InstanceFailedSchema)).toMatchObject({ kind: 'broken' });
  const nobody = { instance: { ...event.instance, createdBy: '' } };
  expect(matchEvent(subscription(), nobody, InstanceFailedSchema)).toMatchObject({
    kind: 'broken',
    reason: 'The event does not name who created it.',
  });
});

test.each<[Partial<Subscription>, Partial<Template>, string]>([
  [{ filter: 'event.x +' }, {}, 'EXPRESSION_INVALID'],
  [{ filter: '"text"' }, {}, 'EXPRESSION_INVALID'],
  [{ variables: { slug: 'nope' } }, {}, 'EXPRESSION_INVALID'],
  [{ variables: {} }, {}, 'TEMPLATE_VALUES_WRONG'],
  [{}, { channel: 'email' }, 'SUBSCRIPTION_RECIPIENT_MISSING'],
])('%j to %j is refused: %s', (more, templateMore, reason) => {
  expect(() => checkSubscription(subscription(more), template(templateMore), InstanceFailedSchema)).toThrowError(
    expect.objectContaining({ reason }),
  );
});

test('an event without a creator needs a recipient', () => {
  expect(() => checkSubscription(subscription(), template(), StepFinishedSchema)).toThrowError(
    expect.objectContaining({ reason: 'SUBSCRIPTION_RECIPIENT_MISSING' }),
  );
  expect(() => checkSubscription(subscription({ recipientId: user }), template(), StepFinishedSchema)).not.toThrow();
});
