import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { StepKind } from '../../domain/step-kind.ts';

/** Which run is to be started. */
export interface WorkflowRequest extends JsonObject {
  /** One of the two names the workflow. */
  workflowId: string | null;
  workflowSlug: string | null;
  /** 0 is the active one. */
  version: number;
  input: JsonObject;
}

const template = { type: 'string', minLength: 1 };

/**
 * Runs another workflow, of the version that is active when the step begins, and waits for its end. Its undo has that run take
 * back what it did, also where it had reached its goal. Leaves `output` (that of the run) and `instanceId`.
 */
export const workflowStep: StepKind = {
  kind: 'workflow',
  effect: true,
  required: [],
  fields: {
    timeoutMs: false,
    retry: false,
    workflowId: { ...template, description: 'Template of the id; or `workflowSlug`.' },
    workflowSlug: { ...template, description: 'Template of the slug; or `workflowId`.' },
    version: { type: 'integer', minimum: 0, description: '0 means the active one.' },
    input: { type: 'object', description: 'Template of the input.' },
  },
  read(fields, reader) {
    const optional = (name: string) =>
      fields[name] === undefined
        ? undefined
        : reader.template(`/${name}`, fields[name] as JsonValue, { result: 'text' });
    const workflowId = optional('workflowId');
    const workflowSlug = optional('workflowSlug');
    const input = reader.template('/input', fields['input'] ?? {});
    if ((workflowId === undefined) === (workflowSlug === undefined)) {
      reader.problem(
        workflowId === undefined ? '/workflowId' : '/workflowSlug',
        'FIELD_INVALID',
        'Either "workflowId" or "workflowSlug" names the workflow.',
      );
    }
    return {
      editable: { input: 'object' },
      leaves: { type: 'object', required: ['output'], properties: { output: { type: 'object' } } },
      suspend(scope) {
        const request: WorkflowRequest = {
          workflowId: workflowId === undefined ? null : (workflowId(scope) as string),
          workflowSlug: workflowSlug === undefined ? null : (workflowSlug(scope) as string),
          version: typeof fields['version'] === 'number' ? fields['version'] : 0,
          input: input(scope) as JsonObject,
        };
        return { request };
      },
      planUndo: () => ({}),
    };
  },
};
