import type { StepKind } from '../domain/step-kind.ts';
import { agentStep } from './agent/step.ts';
import { approvalStep } from './approval/step.ts';
import { decisionStep } from './decision/step.ts';
import { httpStep } from './http/step.ts';
import { mapStep } from './map/step.ts';
import { notificationStep } from './notification/step.ts';
import { parallelStep } from './parallel/step.ts';
import { transformStep } from './transform/step.ts';
import { validationStep } from './validation/step.ts';
import { waitStep } from './wait/step.ts';
import { workflowStep } from './workflow/step.ts';

/** Every kind of step that a definition may hold. */
export const stepKinds: readonly StepKind[] = [
  agentStep,
  validationStep,
  decisionStep,
  httpStep,
  notificationStep,
  transformStep,
  parallelStep,
  mapStep,
  waitStep,
  approvalStep,
  workflowStep,
];
