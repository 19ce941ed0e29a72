import { notificationsOf } from './audit.ts';
import type { Json, RestClient } from './rest-client.ts';

/** One run, as the public API tells of it. */
export interface RunReport {
  readonly id: string;
  readonly input: string;
  readonly status: string;
  readonly compensation: string;
  readonly error: { readonly step: string; readonly reason: string; readonly message: string } | undefined;
  readonly steps: readonly StepReport[];
  readonly compensations: readonly { readonly stepId: string; readonly status: string; readonly attempts: number }[];
  readonly verdict: Verdict | undefined;
  readonly answer: Json | undefined;
  readonly notifications: readonly { readonly channel: string; readonly status: string }[];
  readonly auditEvents: readonly AuditLine[];
}

export interface StepReport {
  readonly id: string;
  readonly kind: string;
  readonly visit: number;
  readonly status: string;
  readonly attempts: number;
  readonly durationMs: number;
  readonly error: string;
}

/** What the last validation of a run said. */
export interface Verdict {
  readonly score: number;
  readonly outcome: string;
  readonly failedRules: readonly string[];
}

export interface AuditLine {
  readonly id: string;
  readonly action: string;
  readonly actor: string;
  readonly resource: string;
  readonly result: string;
}

/** Collects what is known about a finished run. */
export async function reportRun(client: RestClient, instanceId: string, input: string): Promise<RunReport> {
  const instance = await client.get(`/v1/instances/${instanceId}`);
  const tasks = await client.list(`/v1/instances/${instanceId}/tasks`, 'tasks');
  const { compensations = [] } = await client.get(`/v1/instances/${instanceId}/compensations`);
  const verdict = tasks.findLast((task) => task['stepKind'] === 'validation' && task['output'] !== undefined);
  const answer = tasks.findLast((task) => task['stepKind'] === 'agent' && task['output'] !== undefined);
  return {
    id: instanceId,
    input,
    status: word(instance['status'], 'INSTANCE_STATUS_'),
    compensation: word(instance['compensation'], 'COMPENSATION_STATE_'),
    error:
      text(instance['errorReason']) === ''
        ? undefined
        : {
            step: text(instance['errorStep']),
            reason: text(instance['errorReason']),
            message: text(instance['errorMessage']),
          },
    steps: tasks.map((task) => ({
      id: text(task['stepId']),
      kind: text(task['stepKind']),
      visit: Number(task['visit'] ?? 1),
      status: word(task['status'], 'TASK_STATUS_'),
      attempts: Number(task['attempts'] ?? 0),
      durationMs: Math.round(Number.parseFloat(text(task['duration']) || '0') * 1000),
      error: text(task['errorReason']),
    })),
    compensations: (compensations as Json[]).map((undo) => ({
      stepId: text(undo['stepId']),
      status: word(undo['status'], 'COMPENSATION_STATUS_'),
      attempts: Number(undo['attempts'] ?? 0),
    })),
    verdict: verdict === undefined ? undefined : readVerdict(outputOf(verdict)),
    answer: answer === undefined ? undefined : outputOf(answer),
    notifications: await notificationsOf(client, text(instance['traceId'])),
    auditEvents: await auditLines(client, text(instance['traceId'])),
  };
}

/** The audit events of a trace, oldest first. */
export async function auditLines(client: RestClient, traceId: string): Promise<AuditLine[]> {
  const events = traceId === '' ? [] : await client.list(`/v1/audit-events?traceId=${traceId}`, 'auditEvents');
  return events.reverse().map((event) => ({
    id: text(event['id']),
    action: text(event['action']),
    actor: `${text(event['actorType'])}:${text(event['actorId']).slice(0, 8)}`,
    resource: `${text(event['resourceType'])}/${text(event['resourceId']).slice(0, 8)}`,
    result: text(event['result']),
  }));
}

/** `INSTANCE_STATUS_COMPLETED` → `completed`. */
export function word(value: unknown, prefix: string): string {
  return text(value).replace(prefix, '').toLowerCase();
}

function readVerdict(output: Json): Verdict {
  return {
    score: Number(output['score'] ?? 0),
    outcome: text(output['outcome']),
    failedRules: (output['failedRules'] ?? []) as string[],
  };
}

/** A step leaves facts; what an author sees as `output` is one of them. */
function outputOf(task: Json): Json {
  const output = task['output'] as Json;
  return (output['output'] ?? output) as Json;
}

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}
