import { AppError } from '@flotilla/errors';
import { type JsonObject, sizeOf } from './json.ts';
import type { Problem } from './problem.ts';
import { MAX_DEFINITION_BYTES } from './shape.ts';

/** A workflow moves forward: draft → active → deprecated, and from deprecated back to active by a new activation, or on to archived, for good. */
export type WorkflowStatus = 'draft' | 'active' | 'deprecated' | 'archived';

export interface Workflow {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly description: string;
  readonly status: WorkflowStatus;
  /** Counts activations; 0 before the first. */
  readonly version: number;
  /** The newest text: what the next activation makes a version of. */
  readonly definition: JsonObject;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly revision: number;
}

/** A draft may be wrong; it may not be huge. */
export function checkDraft(definition: JsonObject): JsonObject {
  const size = sizeOf(definition);
  if (size > MAX_DEFINITION_BYTES) {
    throw new AppError(
      'invalid_argument',
      'DEFINITION_TOO_LARGE',
      `The definition has ${size} bytes; at most ${MAX_DEFINITION_BYTES} are allowed.`,
    );
  }
  return definition;
}

/** The workflow after its newest text became a version. What was read of that text must have no problem. */
export function activate(workflow: Workflow, problems: readonly Problem[]): Workflow {
  if (workflow.status === 'archived') throw archived();
  checkedDraft(problems);
  return { ...workflow, status: 'active', version: workflow.version + 1 };
}

export function deprecate(workflow: Workflow): Workflow {
  if (workflow.status === 'draft') {
    throw new AppError('failed_precondition', 'WORKFLOW_NOT_ACTIVE', 'Only an active workflow can be deprecated.');
  }
  if (workflow.status === 'archived') throw archived();
  return { ...workflow, status: 'deprecated' };
}

/** Throws when what was read of a definition has problems, with every one. */
export function checkedDraft(problems: readonly Problem[]): void {
  if (problems.length > 0) {
    throw new AppError('failed_precondition', 'DEFINITION_INVALID', 'The definition has problems.', {
      violations: problems.slice(0, 100).map(({ pointer, reason, message }) => ({ field: pointer, reason, message })),
    });
  }
}

/** For good. What may still start runs has to be deprecated first. */
export function archive(workflow: Workflow): Workflow {
  if (workflow.status !== 'deprecated') {
    const message = `The workflow is ${workflow.status}: only a deprecated one can be archived.`;
    throw new AppError('failed_precondition', 'WORKFLOW_NOT_DEPRECATED', message);
  }
  return { ...workflow, status: 'archived' };
}

/** The version that a new run is made of. */
export function versionToStart(workflow: Pick<Workflow, 'status' | 'version'>, wanted = 0): number {
  if (workflow.status !== 'active') {
    throw new AppError(
      'failed_precondition',
      'WORKFLOW_NOT_ACTIVE',
      `The workflow is ${workflow.status}: only an active one starts runs.`,
    );
  }
  if (wanted > workflow.version) {
    throw new AppError('failed_precondition', 'WORKFLOW_VERSION_UNKNOWN', `The workflow has no version ${wanted}.`);
  }
  return wanted === 0 ? workflow.version : wanted;
}

function archived(): AppError {
  return new AppError('failed_precondition', 'WORKFLOW_ARCHIVED', 'An archived workflow does not change.');
}
