/** Something that keeps a definition from being activated: where, a stable reason, and words for its author. */
export interface Problem {
  /** A JSON pointer into the definition. */
  readonly pointer: string;
  readonly reason: ProblemReason;
  readonly message: string;
}

export type ProblemReason =
  | 'DEFINITION_TOO_LARGE'
  | 'FIELD_MISSING'
  | 'FIELD_UNKNOWN'
  | 'FIELD_INVALID'
  | 'STEP_KIND_UNKNOWN'
  | 'STEPS_TOO_MANY'
  | 'STEPS_TOO_DEEP'
  | 'STEP_ID_DUPLICATE'
  | 'STEP_UNKNOWN'
  | 'STEP_UNREACHABLE'
  | 'CYCLE'
  | 'REASK_INVALID'
  | 'EXPRESSION_INVALID'
  | 'EXPRESSION_TYPE'
  | 'EXPRESSION_UNKNOWN_FIELD'
  | 'EXPRESSION_STEP_NOT_RUN'
  | 'TEMPLATE_INVALID'
  | 'SAVEPOINT_INVALID'
  | 'SAVEPOINT_UNKNOWN'
  | 'INPUT_SCHEMA_INVALID'
  | 'EVENT_TYPE_UNKNOWN'
  | 'AGENT_UNKNOWN'
  | 'AGENT_ARCHIVED'
  | 'AGENT_VERSION_UNKNOWN'
  | 'EFFECT_WITHOUT_UNDO'
  | 'IRREVERSIBLE_WITH_UNDO'
  | 'IRREVERSIBLE_UNCHECKED';
