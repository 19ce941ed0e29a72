import { isObject, type JsonObject, type JsonValue } from '../../domain/json.ts';
import type { StepKind } from '../../domain/step-kind.ts';

/** What is asked of validation. */
export interface ValidationRequest extends JsonObject {
  scoringModelId: string;
  content: string;
  output: JsonValue;
  context: JsonObject;
}

/** What is left in `steps.<id>.output`. */
export interface Verdict extends JsonObject {
  outcome: 'passed' | 'warning' | 'failed';
  score: number;
  failedRules: string[];
  findings: string[];
  resultId: string;
}

const rank: Record<Verdict['outcome'], number> = { failed: 0, warning: 1, passed: 2 };
const minimums = { none: 0, warning: 1, passed: 2 };

/**
 * Checks a text. A verdict below `minimum` asks the agent again while `reask` allows it, then fails the run with VALIDATION_FAILED.
 * Leaves `output` (the verdict) and `findings`.
 */
export const validationStep: StepKind = {
  kind: 'validation',
  effect: false,
  required: ['scoringModelId', 'content'],
  fields: {
    scoringModelId: { type: 'string', minLength: 1, description: 'Template.' },
    content: { type: 'string', minLength: 1, description: 'Template of the text.' },
    output: { description: 'Template of the same as a value, for rules in CEL.' },
    context: { type: 'object', description: 'Template of what rules may compare with.' },
    minimum: {
      enum: ['none', 'warning', 'passed'],
      description: 'The least outcome with which the run goes on. None given: warning.',
    },
    reask: {
      type: 'object',
      additionalProperties: false,
      required: ['step'],
      properties: {
        step: { type: 'string', description: 'The agent step to ask again.' },
        maxVisits: {
          type: 'integer',
          minimum: 2,
          maximum: 10,
          description: 'How often that step may be visited. None given: 2.',
        },
      },
    },
  },
  read(fields, reader) {
    const text = (name: string) => reader.template(`/${name}`, fields[name] as JsonValue, { result: 'text' });
    const scoringModelId = text('scoringModelId');
    const content = text('content');
    const output = reader.template('/output', fields['output'] ?? null);
    const context = reader.template('/context', fields['context'] ?? {});
    const minimum = (fields['minimum'] ?? 'warning') as keyof typeof minimums;
    const reask = fields['reask'] as { step: string; maxVisits?: number } | undefined;
    if (reask !== undefined) reader.reask('/reask/step', reask.step);
    return {
      proves: minimum === 'passed',
      leaves: {
        type: 'object',
        required: ['output'],
        properties: {
          output: {
            type: 'object',
            required: ['outcome'],
            properties: { outcome: { enum: Object.keys(rank) }, score: { type: 'number', minimum: 0, maximum: 1 } },
          },
        },
      },
      ways: () => Object.keys(rank).map((outcome) => ({ output: { outcome } })),
      plan: (scope): ValidationRequest => ({
        scoringModelId: scoringModelId(scope) as string,
        content: content(scope) as string,
        output: output(scope),
        context: context(scope) as JsonObject,
      }),
      conclude(facts, visitsOf) {
        const verdict = facts['output'];
        const outcome = isObject(verdict) ? (verdict['outcome'] as Verdict['outcome']) : 'failed';
        if (rank[outcome] >= minimums[minimum]) return { next: reader.next };
        if (reask !== undefined && visitsOf(reask.step) < (reask.maxVisits ?? 2)) return { reask: reask.step };
        return {
          fail: { reason: 'VALIDATION_FAILED', message: `The verdict is ${outcome}; the step asks for ${minimum}.` },
        };
      },
    };
  },
};
