import type { LatePolicy } from '../../domain/journal.ts';
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { StepKind, StepReader } from '../../domain/step-kind.ts';

/** A request to a server outside the fleet. */
export interface HttpRequest extends JsonObject {
  method: string;
  url: string;
  headers: JsonObject;
  /** null: no body. A text is sent as it is, anything else as JSON. */
  body: JsonValue;
  /** Statuses that count as success; none means 200 to 299. */
  successStatus: number[];
  /** Statuses that are worth another try; absent: 408, 425, 429 and from 500 on. */
  retryStatus?: number[];
}

const statuses: JsonObject = {
  type: 'array',
  maxItems: 20,
  items: { type: 'integer', minimum: 100, maximum: 599 },
};

const request: JsonObject = {
  method: { enum: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], description: 'None given: POST.' },
  url: { type: 'string', minLength: 1, maxLength: 8192, description: 'Template.' },
  headers: {
    type: 'object',
    maxProperties: 50,
    additionalProperties: { type: 'string' },
    description: 'Templates by name.',
  },
  body: { description: 'Template; a text is sent as it is, anything else as JSON.' },
  successStatus: { ...statuses, description: 'None given: 200 to 299.' },
};

/**
 * Calls a server outside the fleet, with the effect key as `Idempotency-Key`. Leaves `output`: `{ status, body }`.
 * The undo's request carries the key of what it undoes as `Flotilla-Undo-Of`; expressions have it as `effect.key`.
 */
export const httpStep: StepKind = {
  kind: 'http',
  effect: true,
  required: ['url'],
  fields: {
    ...request,
    retryStatus: { ...statuses, description: 'Worth another try. None given: 408, 425, 429 and from 500 on.' },
    undo: {
      type: 'object',
      additionalProperties: false,
      required: ['url'],
      properties: {
        ...request,
        late: {
          enum: ['refused', 'repeat', 'unresolved'],
          description:
            'What becomes of a request that lands after the undo: the server refuses it (refused, the default), the undo is repeated when none can come any more (repeat), or a person is told (unresolved).',
        },
      },
    },
  },
  read(fields, reader) {
    const plan = readRequest(fields, '', reader, false);
    const undo = fields['undo'] as JsonObject | undefined;
    const editable = { body: 'any' } as const;
    const leaves = leavesOf((fields['successStatus'] ?? []) as number[]);
    if (undo === undefined) return { plan, editable, leaves };
    const late = undo['late'] as LatePolicy | 'refused' | undefined;
    return {
      plan,
      editable,
      leaves,
      planUndo: readRequest(undo, '/undo', reader, true),
      ...(late === undefined || late === 'refused' ? {} : { late }),
    };
  },
};

function leavesOf(successStatus: number[]): JsonObject {
  const status = successStatus.length === 0 ? { type: 'integer', minimum: 200, maximum: 299 } : { enum: successStatus };
  return {
    type: 'object',
    required: ['output'],
    properties: { output: { type: 'object', required: ['status', 'body'], properties: { status, body: {} } } },
  };
}

function readRequest(fields: JsonObject, at: string, reader: StepReader, undo: boolean): StepPlanner {
  const url = reader.template(`${at}/url`, fields['url'] ?? '', { result: 'text', undo });
  const headers = Object.entries((fields['headers'] ?? {}) as JsonObject).map(
    ([name, value]) => [name, reader.template(`${at}/headers/${name}`, value, { result: 'text', undo })] as const,
  );
  const body = reader.template(`${at}/body`, fields['body'] ?? null, { undo });
  return (scope): HttpRequest => ({
    method: (fields['method'] ?? 'POST') as string,
    url: url(scope) as string,
    headers: Object.fromEntries(headers.map(([name, value]) => [name, value(scope)])),
    body: body(scope),
    successStatus: (fields['successStatus'] ?? []) as number[],
    ...(fields['retryStatus'] === undefined ? {} : { retryStatus: fields['retryStatus'] as number[] }),
  });
}

type StepPlanner = (scope: Parameters<ReturnType<StepReader['template']>>[0]) => HttpRequest;
