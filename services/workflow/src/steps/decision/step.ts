import type { JsonObject } from '../../domain/json.ts';
import type { StepKind } from '../../domain/step-kind.ts';

const target = { type: 'string', pattern: '^(\\$end|\\$fail|[a-z][a-z0-9_]{0,62})$' };
const failure = {
  reason: { type: 'string', pattern: '^[A-Z][A-Z0-9_]{0,62}$', description: 'For `$fail`: the reason of the failure.' },
  message: { type: 'string', maxLength: 500, description: 'For `$fail`: words for people.' },
};

interface Case {
  readonly when?: string;
  readonly next: string;
  readonly reason?: string;
  readonly message?: string;
}

/** Chooses the way by the first condition that holds. Leaves `output`: the target, and which case it was (-1 for the default). */
export const decisionStep: StepKind = {
  kind: 'decision',
  effect: false,
  required: ['cases', 'default'],
  fields: {
    next: false,
    timeoutMs: false,
    retry: false,
    cases: {
      type: 'array',
      minItems: 1,
      maxItems: 50,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['when', 'next'],
        properties: {
          when: { type: 'string', minLength: 1, description: 'CEL, true or false.' },
          next: target,
          ...failure,
        },
      },
    },
    default: {
      type: 'object',
      additionalProperties: false,
      required: ['next'],
      properties: { next: target, ...failure },
    },
  },
  read(fields, reader) {
    const cases = fields['cases'] as unknown as Case[];
    const fallback = fields['default'] as unknown as Case;
    const conditions = cases.map(({ when, next }, index) => {
      reader.exit(`/cases/${index}/next`, next);
      return reader.condition(`/cases/${index}/when`, when ?? 'false');
    });
    reader.exit('/default/next', fallback.next);
    const chosenOf = (index: number): Case => cases[index] ?? fallback;
    return {
      leaves: {
        type: 'object',
        required: ['output'],
        properties: {
          output: {
            type: 'object',
            required: ['case'],
            properties: { case: { type: 'integer', minimum: -1, maximum: cases.length - 1 } },
          },
        },
      },
      ways(undecidedAt) {
        const from = undecidedAt === undefined ? 0 : Number(undecidedAt.split('/').at(-2));
        const left = [...cases.keys()].slice(from);
        return [...left, -1].map((index) => ({ output: { next: chosenOf(index).next, case: index } }));
      },
      decide(scope): JsonObject {
        const index = conditions.findIndex((condition) => condition(scope) === true);
        return { output: { next: chosenOf(index).next, case: index } };
      },
      conclude(facts) {
        const { case: index } = facts['output'] as { case: number };
        const { next, reason, message } = chosenOf(index);
        if (next !== '$fail') return { next };
        return {
          fail: {
            reason: reason ?? 'ROUTED_TO_FAILURE',
            message: message ?? 'A decision of the workflow ended the run.',
          },
        };
      },
    };
  },
};
