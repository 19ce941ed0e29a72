import type { Verdict } from './verdict.ts';

/** A verdict, with what it is about. Never changed. */
export interface ValidationResult extends Verdict {
  readonly id: string;
  /** What was checked, for example `agent_response`. */
  readonly sourceType: string;
  readonly sourceId: string;
  readonly scoringModelId: string;
  readonly scoringModelVersion: number;
  readonly content: string;
  readonly validatedAt: Date;
}
