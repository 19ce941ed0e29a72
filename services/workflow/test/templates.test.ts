import { randomUUID } from 'node:crypto';
import { WorkflowStatus } from '@flotilla/contracts/workflow';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorkflow, type WorkflowHarness } from './harness.ts';

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());

const templateDefinition = {
  steps: [
    {
      id: 'route',
      kind: 'decision',
      cases: [{ when: 'input.n > {{limit}}', next: '$end' }],
      default: { next: '{{target}}' },
    },
  ],
};
const parameters = {
  properties: {
    limit: { type: 'integer', default: 3 },
    target: { type: 'string', enum: ['$end', '$fail', 'nowhere'] },
  },
};
const create = (name = `t-${randomUUID()}`) =>
  fleet.templates.createWorkflowTemplate({
    name,
    displayName: 'Gate',
    category: 'gates',
    templateDefinition,
    parameters,
  });

test('a template makes drafts with its parameters put in, checked, and counts them', async () => {
  const { id } = await create();
  const make = (values: Record<string, string | number>, slug = `w-${randomUUID()}`) =>
    fleet.templates.instantiateWorkflowTemplate({ id, name: 'Made', slug, parameters: values });
  const draft = await make({ target: '$end' });
  expect(draft).toMatchObject({
    status: WorkflowStatus.DRAFT,
    definition: { steps: [{ cases: [{ when: 'input.n > 3' }], default: { next: '$end' } }] },
  });
  await expect(make({ target: 'else' })).rejects.toMatchObject({ reason: 'PARAMETERS_INVALID' });
  await expect(make({ limit: 1 })).rejects.toMatchObject({ reason: 'PARAMETERS_INVALID' });
  await expect(make({ target: 'nowhere' })).rejects.toMatchObject({
    reason: 'DEFINITION_INVALID',
    violations: [{ reason: 'STEP_UNKNOWN' }],
  });
  expect(await fleet.templates.getWorkflowTemplate({ id })).toMatchObject({ usageCount: 1 });
  await fleet.templates.updateWorkflowTemplate({ id, isActive: false });
  await expect(make({ target: '$end' })).rejects.toMatchObject({ reason: 'WORKFLOW_TEMPLATE_INACTIVE' });
  await fleet.templates.deleteWorkflowTemplate({ id });
  await expect(fleet.templates.getWorkflowTemplate({ id })).rejects.toMatchObject({
    reason: 'WORKFLOW_TEMPLATE_NOT_FOUND',
  });
});

test('a user has one rating, and the average is of all users', async () => {
  const { id, name } = await create();
  await expect(create(name)).rejects.toMatchObject({ reason: 'WORKFLOW_TEMPLATE_NAME_TAKEN' });
  await fleet.templates.rateWorkflowTemplate({ id, stars: 1 });
  expect(await fleet.templates.rateWorkflowTemplate({ id, stars: 5 })).toMatchObject({ rating: 5, ratingCount: 1 });
  const others = await Promise.all([2, 3].map(() => fleet.as(fleet.address, { userId: randomUUID() })));
  await Promise.all(others.map(({ templates }, index) => templates.rateWorkflowTemplate({ id, stars: 2 + index })));
  others.forEach((clients) => void clients.close());
  expect(await fleet.templates.getWorkflowTemplate({ id })).toMatchObject({ rating: 3.3, ratingCount: 3 });
});

test('versions are read and compared; an archived workflow does not change any more', async () => {
  const definition = (when: string) => ({
    steps: [{ id: 'route', kind: 'decision', cases: [{ when, next: '$end' }], default: { next: '$end' } }],
  });
  const { id } = await fleet.workflows.createWorkflow({
    name: 'V',
    slug: `w-${randomUUID()}`,
    definition: definition('true'),
  });
  await fleet.workflows.activateWorkflow({ id });
  await fleet.workflows.updateWorkflow({ id, definition: definition('false') });
  await fleet.workflows.activateWorkflow({ id });
  const { versions } = await fleet.versions.listWorkflowVersions({ workflowId: id });
  expect(versions.map(({ version }) => version)).toEqual([2, 1]);
  expect(await fleet.versions.getWorkflowVersion({ workflowId: id, version: 1 })).toMatchObject({
    definition: definition('true'),
  });
  expect(await fleet.versions.compareWorkflowVersions({ workflowId: id, fromVersion: 1, toVersion: 0 })).toMatchObject({
    changedSteps: ['route'],
    changes: [{ pointer: '/steps/0/cases', stepId: 'route' }],
  });
  await expect(fleet.versions.getWorkflowVersion({ workflowId: id, version: 3 })).rejects.toMatchObject({
    reason: 'WORKFLOW_VERSION_NOT_FOUND',
  });

  await expect(fleet.workflows.archiveWorkflow({ id })).rejects.toMatchObject({ reason: 'WORKFLOW_NOT_DEPRECATED' });
  await fleet.workflows.deprecateWorkflow({ id });
  expect(await fleet.workflows.archiveWorkflow({ id })).toMatchObject({ status: WorkflowStatus.ARCHIVED });
  await expect(fleet.workflows.activateWorkflow({ id })).rejects.toMatchObject({ reason: 'WORKFLOW_ARCHIVED' });
  const stranger = await fleet.as(fleet.address, { tenantId: randomUUID() });
  await expect(stranger.versions.listWorkflowVersions({ workflowId: id })).rejects.toMatchObject({
    reason: 'WORKFLOW_NOT_FOUND',
  });
  stranger.close();
});
