import { AppError } from '@flotilla/errors';
import { type CheckWords, compileInputSchema } from './input-schema.ts';
import type { JsonObject } from './json.ts';

export type ApprovalStatus = 'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled';
export type Verdict = 'approve' | 'reject';

/** What one person said. */
export interface ApprovalDecision {
  readonly userId: string;
  readonly verdict: Verdict;
  readonly comment: string;
  readonly form: JsonObject;
  /** RFC 3339. */
  readonly decidedAt: string;
}

export interface ApprovalDelegation {
  readonly fromUserId: string;
  readonly toUserId: string;
  readonly comment: string;
  /** RFC 3339. */
  readonly delegatedAt: string;
}

/** Who may answer, and how many must. */
export interface ApprovalTerms {
  readonly namedIds: readonly string[];
  /** Whoever has it may answer too. */
  readonly permission: string | undefined;
  readonly quorum: number;
  readonly rejections: number;
  readonly excludeStarter: boolean;
  readonly startedBy: string;
  readonly expiresAt: Date | undefined;
}

/** A step of a run that waits for people. */
export interface Approval extends ApprovalTerms {
  readonly status: ApprovalStatus;
  readonly decisions: readonly ApprovalDecision[];
  readonly delegations: readonly ApprovalDelegation[];
}

/** Who wants to say something. */
export interface Approver {
  readonly userId: string;
  readonly permissions: ReadonlySet<string>;
}

/** Where each say went that was handed on: from whom to whom. Handing it back, or to oneself, ends the absence. */
export function absences(delegations: readonly ApprovalDelegation[]): ReadonlyMap<string, string> {
  const holders = new Map<string, string>();
  for (const { fromUserId, toUserId } of delegations) {
    if (fromUserId === toUserId) holders.delete(fromUserId);
    else if (holders.get(toUserId) === fromUserId) holders.delete(toUserId);
    else holders.set(fromUserId, toUserId);
  }
  return holders;
}

/** The users whose say counts without a permission: named ones and delegates, less those who handed theirs on. */
export function approverIds({ namedIds, delegations }: Pick<Approval, 'namedIds' | 'delegations'>): string[] {
  const holders = absences(delegations);
  return [...new Set([...namedIds, ...holders.values()])].filter((userId) => !holders.has(userId));
}

/** Throws where the approval is no longer open, or the person is the wrong one. */
function checkMayAnswer(approval: Approval, { userId, permissions }: Approver, now: Date): void {
  checkOpen(approval, now);
  if (approval.decisions.some((decision) => decision.userId === userId)) {
    throw new AppError('already_exists', 'ALREADY_ANSWERED', 'You have answered this approval already.');
  }
  if (approval.excludeStarter && userId === approval.startedBy) {
    throw new AppError('permission_denied', 'STARTER_EXCLUDED', 'Whoever started the run may not answer.');
  }
  const holders = absences(approval.delegations);
  const byPermission = approval.permission !== undefined && permissions.has(approval.permission);
  if (holders.has(userId) || !(byPermission || approverIds(approval).includes(userId))) {
    throw new AppError('permission_denied', 'NOT_AN_APPROVER', 'This approval does not ask you.');
  }
}

type Refusal = [code: 'failed_precondition', reason: string, message: string];
const closed: Record<Exclude<ApprovalStatus, 'pending'>, Refusal> = {
  approved: ['failed_precondition', 'APPROVAL_DECIDED', 'It is too late: this was approved or rejected.'],
  rejected: ['failed_precondition', 'APPROVAL_DECIDED', 'It is too late: this was approved or rejected.'],
  expired: ['failed_precondition', 'APPROVAL_EXPIRED', 'It is too late: the time for an answer is over.'],
  cancelled: ['failed_precondition', 'APPROVAL_CANCELLED', 'The run does not wait for this any more.'],
};

function checkOpen({ status, expiresAt }: Approval, now: Date): void {
  const state = status === 'pending' && expiresAt !== undefined && expiresAt <= now ? 'expired' : status;
  if (state !== 'pending') throw new AppError(...closed[state]);
}

/** The approval after somebody's say. What it comes to by that is the answer of {@link verdictOf}. */
export function decide(
  approval: Approval,
  approver: Approver,
  say: Pick<ApprovalDecision, 'verdict' | 'comment' | 'form'>,
  now: Date,
): Approval {
  checkMayAnswer(approval, approver, now);
  const decision = { ...say, userId: approver.userId, decidedAt: now.toISOString() };
  const after = { ...approval, decisions: [...approval.decisions, decision] };
  return { ...after, status: verdictOf(after) ?? 'pending' };
}

/** What the answers so far come to. Rejected is also what cannot be approved any more. */
export function verdictOf(approval: Approval): 'approved' | 'rejected' | undefined {
  const { decisions, quorum, rejections, permission } = approval;
  const approved = decisions.filter(({ verdict }) => verdict === 'approve').length;
  if (approved >= quorum) return 'approved';
  if (decisions.length - approved >= rejections) return 'rejected';
  if (permission !== undefined) return undefined;
  const answered = new Set(decisions.map(({ userId }) => userId));
  const left = approverIds(approval).filter((userId) => !answered.has(userId) && !isExcluded(approval, userId));
  return approved + left.length < quorum ? 'rejected' : undefined;
}

function isExcluded({ excludeStarter, startedBy }: ApprovalTerms, userId: string): boolean {
  return excludeStarter && userId === startedBy;
}

const formWords: CheckWords = {
  refusal: ['invalid_argument', 'FORM_INVALID', 'The form does not meet the schema of the step.'],
  field: '/form',
};

/** A form goes with an approval, where the step asks for one. */
export function checkForm(
  schema: JsonObject | undefined,
  { verdict, form }: Pick<ApprovalDecision, 'verdict' | 'form'>,
): void {
  if (verdict === 'approve' && schema !== undefined) compileInputSchema(schema, formWords)(form);
  else if (Object.keys(form).length > 0) {
    throw new AppError('invalid_argument', 'FORM_UNEXPECTED', 'There is no form to fill in here.');
  }
}

/** The approval after somebody handed their say on. */
export function delegate(
  approval: Approval,
  from: Approver,
  to: { readonly userId: string; readonly comment: string },
  now: Date,
): Approval {
  const delegation = {
    fromUserId: from.userId,
    toUserId: to.userId,
    comment: to.comment,
    delegatedAt: now.toISOString(),
  };
  const holders = absences(approval.delegations);
  const holder = holders.get(from.userId);
  if (holder === undefined) checkMayAnswer(approval, from, now);
  else checkMayTakeBack(approval, holder, holders, now);
  if (to.userId !== from.userId && holders.get(to.userId) !== from.userId) {
    checkDelegate(approval, to.userId, holders);
  } else if (holder === undefined && to.userId === from.userId) {
    throw new AppError('invalid_argument', 'DELEGATE_IS_SELF', 'Name somebody else.');
  }
  return { ...approval, delegations: [...approval.delegations, delegation] };
}

function checkMayTakeBack(approval: Approval, holder: string, holders: ReadonlyMap<string, string>, now: Date): void {
  checkOpen(approval, now);
  if (holders.has(holder) || approval.decisions.some(({ userId }) => userId === holder)) {
    throw new AppError('permission_denied', 'NOT_AN_APPROVER', 'Your say was handed on, and used or handed on again.');
  }
}

function checkDelegate(approval: Approval, userId: string, holders: ReadonlyMap<string, string>): void {
  if (isExcluded(approval, userId)) {
    throw new AppError('failed_precondition', 'STARTER_EXCLUDED', 'Whoever started the run may not answer.');
  }
  if (
    approverIds(approval).includes(userId) ||
    holders.has(userId) ||
    approval.decisions.some((decision) => decision.userId === userId)
  ) {
    throw new AppError('failed_precondition', 'DELEGATE_IS_APPROVER', 'They have a say of their own already.');
  }
}
