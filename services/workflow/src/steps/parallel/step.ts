import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { StepKind } from '../../domain/step-kind.ts';

interface Branch {
  readonly name: string;
  readonly steps: JsonObject[];
  readonly output?: JsonValue;
}

/**
 * Goes through several sequences at once. `join` says how many have to be completed: `all` (the default), `any`, or a number. As soon as
 * that is certain the others are given up, and what they did is undone before the run goes on; where it has become impossible,
 * the step fails. Leaves `output`: what each completed branch gave, by name.
 */
export const parallelStep: StepKind = {
  kind: 'parallel',
  effect: false,
  required: ['branches'],
  fields: {
    timeoutMs: false,
    retry: false,
    branches: {
      type: 'array',
      minItems: 1,
      maxItems: 50,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'steps'],
        properties: {
          name: { type: 'string', pattern: '^[a-z][a-z0-9_]{0,62}$' },
          steps: { $ref: '#/definitions/steps' },
          output: { description: 'Template of what the branch gives; none: the output of the step it ends with.' },
        },
      },
    },
    join: {
      oneOf: [{ enum: ['all', 'any'] }, { type: 'integer', minimum: 1, maximum: 50 }],
      description: 'How many branches have to be completed. None given: all.',
    },
  },
  nested: (fields) =>
    (fields['branches'] as unknown as Branch[]).map(({ steps }, index) => ({
      pointer: `/branches/${index}/steps`,
      steps,
    })),
  read(fields, reader) {
    const branches = fields['branches'] as unknown as Branch[];
    const names = branches.map(({ name }) => name);
    const sequences = new Map(
      branches.map(({ name, output }, index) => [
        name,
        reader.sequence(
          `/branches/${index}/steps`,
          output === undefined ? {} : { output: [`/branches/${index}/output`, output] },
        ),
      ]),
    );
    names.forEach((name, index) => {
      if (names.indexOf(name) < index) {
        reader.problem(`/branches/${index}/name`, 'FIELD_INVALID', `Another branch is called "${name}" already.`);
      }
    });
    const join = fields['join'] ?? 'all';
    const quorum = join === 'all' ? names.length : join === 'any' ? 1 : Number(join);
    if (quorum > names.length) reader.problem('/join', 'FIELD_INVALID', 'There are not so many branches.');
    return {
      block: {
        spread: () => ({
          input: null,
          block: { total: names.length, names, concurrency: names.length, quorum, tolerates: names.length - quorum },
        }),
        sequenceOf(name) {
          const sequence = sequences.get(name);
          if (sequence === undefined) throw new Error(`There is no branch ${name}.`);
          return sequence;
        },
        variables: () => ({}),
        gather: ({ completed }) => ({
          output: Object.fromEntries(
            names.flatMap((name) => {
              const output = completed.get(name);
              return output === undefined ? [] : [[name, output]];
            }),
          ),
        }),
        sure: quorum,
      },
    };
  },
};
