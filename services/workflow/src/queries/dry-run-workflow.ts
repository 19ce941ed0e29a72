import { AppError } from '@flotilla/errors';
import type { ReadTx } from '@flotilla/postgres';
import type { Definitions } from '../commands/definitions.ts';
import { findAgents } from '../db/agent-cache-repository.ts';
import type { Schema } from '../db/schema.ts';
import { findVersion } from '../db/workflow-repository.ts';
import type { Definition } from '../domain/definition.ts';
import { type Assumption, dryRun } from '../domain/dry-run/dry-run.ts';
import { type DryRunReport, reportOf } from '../domain/dry-run/report.ts';
import { compileInputSchema } from '../domain/input-schema.ts';
import type { JsonObject } from '../domain/json.ts';
import { stepIdOf } from '../domain/path.ts';
import type { Problem, ProblemReason } from '../domain/problem.ts';
import type { Workflow } from '../domain/workflow.ts';
import { isUuid } from './named-agents.ts';
import { getWorkflow } from './workflows.ts';

/** Problems that keep a definition from being activated, and not from being gone through. */
const tolerable: ReadonlySet<ProblemReason> = new Set<ProblemReason>([
  'EFFECT_WITHOUT_UNDO',
  'IRREVERSIBLE_UNCHECKED',
  'STEP_UNREACHABLE',
]);

export interface DryRunRequest {
  readonly id: string;
  /** 0: the newest text. */
  readonly version: number;
  readonly input: JsonObject;
  readonly assumptions: readonly Assumption[];
  readonly startedBy: string;
  readonly now: Date;
}

/** Goes through a workflow as a run would. The report is absent where the problems of the definition do not let it. */
export async function dryRunWorkflow(
  definitions: Definitions,
  tx: ReadTx<Schema>,
  { id, version, input, assumptions, startedBy, now }: DryRunRequest,
): Promise<{ readonly problems: readonly Problem[]; readonly report: DryRunReport | undefined }> {
  const workflow = await getWorkflow(tx, id);
  const { problems, definition } = definitions.read(await textOf(tx, workflow, version));
  if (definition === undefined || problems.some(({ reason }) => !tolerable.has(reason))) {
    return { problems, report: undefined };
  }
  definition.checkInput(input);
  const foreseen = await withAgents(tx, definition);
  checkAssumptions(foreseen, assumptions);
  const run = {
    workflowId: workflow.id,
    workflowSlug: workflow.slug,
    workflowVersion: version === 0 ? workflow.version + 1 : version,
    startedBy,
  };
  return { problems, report: reportOf(dryRun(foreseen, { input, run, assumptions, now })) };
}

/** Steps that ask an agent by its name leave what the agent's schema says. */
async function withAgents(tx: ReadTx<Schema>, definition: Definition): Promise<Definition> {
  const { agents, steps } = definition;
  const namesBy = (by: 'id' | 'slug') => agents.filter((one) => one.by === by).map(({ name }) => name);
  const known = await findAgents(tx, { ids: namesBy('id').filter(isUuid), slugs: namesBy('slug') });
  const foreseen = new Map(steps);
  for (const { by, name, stepId } of agents) {
    const step = steps.get(stepId);
    const output = known.find((agent) => agent[by] === name)?.outputSchema;
    if (step === undefined || output === undefined) continue;
    foreseen.set(stepId, { ...step, leaves: { type: 'object', required: ['output'], properties: { output } } });
  }
  return { ...definition, steps: foreseen };
}

async function textOf(tx: ReadTx<Schema>, workflow: Workflow, version: number): Promise<JsonObject> {
  if (version === 0) return workflow.definition;
  const text = await findVersion(tx, workflow.id, version);
  if (text !== undefined) return text as JsonObject;
  throw new AppError('failed_precondition', 'WORKFLOW_VERSION_UNKNOWN', `The workflow has no version ${version}.`);
}

function checkAssumptions({ steps }: Definition, assumptions: readonly Assumption[]): void {
  for (const [index, { step: place, outcome }] of assumptions.entries()) {
    const field = `/assumptions/${index}`;
    const step = steps.get(stepIdOf(place));
    if (step === undefined) throw invalid(`${field}/step`, `There is no step "${place}".`);
    if (step.block !== undefined) throw invalid(`${field}/step`, `What "${place}" comes to is decided inside of it.`);
    if (!('facts' in outcome) || step.leaves === undefined) continue;
    const message = `A step "${step.id}" does not leave such facts.`;
    const refusal = ['invalid_argument', 'ASSUMPTION_INVALID', message] as const;
    compileInputSchema(step.leaves, { refusal, field: `${field}/facts` })(outcome.facts);
  }
}

function invalid(field: string, message: string): AppError {
  const violations = [{ field, reason: 'ASSUMPTION_INVALID', message }];
  return new AppError('invalid_argument', 'ASSUMPTION_INVALID', message, { violations });
}
