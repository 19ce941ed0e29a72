/** What starts runs of a workflow again and again, for whoever changed it last: a schedule, or a trigger. */
export interface FiringSource {
  readonly id: string;
  readonly workflowId: string;
  readonly name: string;
  /** The stored permission to act for `updatedBy`. */
  readonly grantId: string;
  readonly createdBy: string;
  readonly updatedBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly deleted: boolean;
  readonly revision: number;
}
