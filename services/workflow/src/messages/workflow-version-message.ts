import { fromJson, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate, ValueSchema } from '@bufbuild/protobuf/wkt';
import { enumWords } from '@flotilla/contracts';
import {
  type CompareWorkflowVersionsResponseSchema,
  DefinitionChangeKind,
  type WorkflowVersionSchema,
} from '@flotilla/contracts/workflow';
import type { Comparison } from '../domain/compare-definitions.ts';
import type { JsonObject, JsonValue } from '../domain/json.ts';

const kinds = enumWords(DefinitionChangeKind, ['added', 'removed', 'changed']);

export function toVersionMessage(version: {
  readonly workflowId: string;
  readonly version: number;
  readonly definition: JsonObject;
  readonly createdBy: string;
  readonly createdAt: Date;
}): MessageInitShape<typeof WorkflowVersionSchema> {
  const { createdAt, ...others } = version;
  return { ...others, createTime: timestampFromDate(createdAt) };
}

export function toComparisonMessage(
  comparison: Comparison,
): MessageInitShape<typeof CompareWorkflowVersionsResponseSchema> {
  return {
    addedSteps: [...comparison.addedSteps],
    removedSteps: [...comparison.removedSteps],
    changedSteps: [...comparison.changedSteps],
    changes: comparison.changes.map(({ kind, pointer, stepId, before, after }) => ({
      kind: kinds.valueOf(kind),
      pointer,
      stepId: stepId ?? '',
      ...(before === undefined ? {} : { before: toValue(before) }),
      ...(after === undefined ? {} : { after: toValue(after) }),
    })),
  };
}

function toValue(value: JsonValue) {
  return fromJson(ValueSchema, value);
}
