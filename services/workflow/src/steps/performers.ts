import { AgentService, ExecutionService } from '@flotilla/contracts/agent';
import { NotificationService, TemplateService } from '@flotilla/contracts/notification';
import { ValidationService } from '@flotilla/contracts/validation';
import { createGrpcClient, type GrpcClient } from '@flotilla/grpc';
import type { Metrics } from '@flotilla/observability';
import type { ChildRuns } from '../commands/child-runs.ts';
import { createAgentPerformer } from './agent/perform.ts';
import { approvalPerformer } from './approval/perform.ts';
import { createHttpPerformer } from './http/perform.ts';
import { createNotificationPerformer } from './notification/perform.ts';
import type { Performer, Performers } from './performer.ts';
import { createValidationPerformer } from './validation/perform.ts';
import { createWaitPerformer } from './wait/perform.ts';
import { createWorkflowPerformer } from './workflow/perform.ts';

/** Where steps are performed. */
export interface Neighbours {
  readonly agentAddress: string;
  readonly validationAddress: string;
  readonly notificationAddress: string;
  /** `host:port` of targets inside the operator's networks that http steps may call. */
  readonly allowedHosts: readonly string[];
}

/** Builds the performer of every kind of step that asks somebody. */
export function createPerformers(
  neighbours: Neighbours,
  metrics: Metrics,
  children: ChildRuns,
): { performers: Performers; agents: GrpcClient<typeof AgentService>; close: () => void } {
  const agent = { address: neighbours.agentAddress, metrics };
  const notification = { address: neighbours.notificationAddress, metrics };
  const agents = createGrpcClient(AgentService, agent);
  const executions = createGrpcClient(ExecutionService, agent);
  const validation = createGrpcClient(ValidationService, { address: neighbours.validationAddress, metrics });
  const notifications = createGrpcClient(NotificationService, notification);
  const templates = createGrpcClient(TemplateService, notification);
  return {
    performers: new Map<string, Performer>([
      ['agent', createAgentPerformer(agents, executions)],
      ['validation', createValidationPerformer(validation)],
      ['http', createHttpPerformer(new Set(neighbours.allowedHosts))],
      ['approval', approvalPerformer],
      ['wait', createWaitPerformer()],
      ['workflow', createWorkflowPerformer(children)],
      ['notification', createNotificationPerformer(notifications, templates)],
    ]),
    agents,
    close: () => [agents, executions, validation, notifications, templates].forEach((client) => void client.close()),
  };
}
