import { permissions } from '@flotilla/contracts';
import { AppError } from '@flotilla/errors';
import { readInputSchema } from '../../domain/input-schema.ts';
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { Scope } from '../../domain/scope.ts';
import type { Conclusion, StepKind, StepReader } from '../../domain/step-kind.ts';

/** What people are asked, as the journal has it. */
export interface ApprovalRequest extends JsonObject {
  title: string;
  message: string;
  users: string[];
  permission: string | null;
  quorum: number;
  rejections: number;
  excludeStarter: boolean;
  startedBy: string;
  formSchema: JsonObject | null;
  expiresAt: string | null;
  onExpiry: 'approve' | 'reject' | 'fail';
}

const MAX_EXPIRY_MS = 366 * 86_400_000;
const MAX_USERS = 100;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const count = { type: 'integer', minimum: 1, maximum: MAX_USERS };
const target = { type: 'string', pattern: '^(\\$end|\\$fail|[a-z][a-z0-9_]{0,62})$' };

const decisions = ['approved', 'rejected', 'expired'];

/**
 * Waits for people to approve. Goes on with `next` when they did, and with `onReject`, or else fails with APPROVAL_REJECTED, when
 * they did not. Leaves `output` (the form of the approval that decided), `decision` (`approved`, `rejected` or `expired`) and `decisions`.
 */
export const approvalStep: StepKind = {
  kind: 'approval',
  effect: false,
  required: ['title', 'approvers'],
  fields: {
    timeoutMs: false,
    retry: false,
    title: { type: 'string', minLength: 1, maxLength: 1000, description: 'Template: what is asked.' },
    message: { type: 'string', maxLength: 20_000, description: 'Template: what one must know to answer.' },
    approvers: {
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      properties: {
        users: {
          type: ['array', 'string'],
          items: { type: 'string', minLength: 1 },
          minItems: 1,
          minLength: 1,
          maxItems: MAX_USERS,
          description: 'Templates of user ids, or one template of a list of them.',
        },
        permission: { type: 'string', description: 'Whoever has it may answer too, for example `workflows:write`.' },
      },
    },
    quorum: { ...count, description: 'So many must approve. None given: 1.' },
    rejections: { ...count, description: 'So many must reject. None given: 1.' },
    excludeStarter: { type: 'boolean', description: 'Whoever started the run may not answer.' },
    form: {
      type: 'object',
      additionalProperties: false,
      required: ['schema'],
      properties: { schema: { type: 'object', description: 'JSON Schema of the answer that goes with an approval.' } },
    },
    expiresInMs: { type: 'integer', minimum: 100, maximum: MAX_EXPIRY_MS, description: 'None given: it waits on.' },
    onExpiry: { enum: ['approve', 'reject', 'fail'], description: 'None given: fail, with APPROVAL_EXPIRED.' },
    onReject: { ...target, description: 'Where a rejection leads. None given: the run fails with APPROVAL_REJECTED.' },
  },
  read(fields, reader) {
    const title = reader.template('/title', fields['title'] as JsonValue, { result: 'text' });
    const message = reader.template('/message', fields['message'] ?? '', { result: 'text' });
    const { users: userIds = [], permission } = fields['approvers'] as { users?: JsonValue; permission?: string };
    const users = reader.template('/approvers/users', userIds);
    const quorum = (fields['quorum'] ?? 1) as number;
    const schema = (fields['form'] as { schema: JsonObject } | undefined)?.schema;
    const expiresInMs = fields['expiresInMs'] as number | undefined;
    const onExpiry = (fields['onExpiry'] ?? 'fail') as ApprovalRequest['onExpiry'];
    const onReject = fields['onReject'] as string | undefined;
    const fixed = {
      quorum,
      permission: permission ?? null,
      rejections: (fields['rejections'] ?? 1) as number,
      excludeStarter: fields['excludeStarter'] === true,
      formSchema: schema ?? null,
      onExpiry,
    };
    checkTerms(reader, { userIds, permission, quorum, schema, expires: expiresInMs !== undefined, onExpiry });
    if (onReject !== undefined) reader.exit('/onReject', onReject);
    return {
      // Nobody's word is a proof where a rejection, or silence, leads on as well.
      proves: onReject === undefined && onExpiry !== 'approve',
      leaves: {
        type: 'object',
        required: ['decision'],
        properties: { decision: { enum: decisions }, ...(schema === undefined ? {} : { output: schema }) },
      },
      ways: () => decisions.map((decision) => ({ decision })),
      suspend(scope, now) {
        const wakeAt = expiresInMs === undefined ? undefined : new Date(now.getTime() + expiresInMs).toISOString();
        const request: ApprovalRequest = {
          ...fixed,
          title: title(scope) as string,
          message: message(scope) as string,
          users: usersOf(users(scope), fixed, scope),
          startedBy: scope.run.startedBy,
          expiresAt: wakeAt ?? null,
        };
        return { request, ...(wakeAt === undefined ? {} : { wakeAt }) };
      },
      expire: (request) => ({ facts: expiredFacts(request as ApprovalRequest) }),
      conclude: (facts): Conclusion => concludeBy(facts['decision'] ?? null, reader.next, onReject),
    };
  },
};

function checkTerms(
  reader: StepReader,
  terms: {
    readonly userIds: JsonValue;
    readonly permission: string | undefined;
    readonly quorum: number;
    readonly schema: JsonObject | undefined;
    readonly expires: boolean;
    readonly onExpiry: string;
  },
): void {
  const { userIds, permission, quorum, schema, expires, onExpiry } = terms;
  if (permission !== undefined && !permissions.includes(permission)) {
    reader.problem('/approvers/permission', 'FIELD_INVALID', `There is no permission "${permission}".`);
  }
  if (permission === undefined && Array.isArray(userIds) && userIds.length < quorum) {
    reader.problem('/quorum', 'FIELD_INVALID', 'More approvals are asked for than there are approvers.');
  }
  if (!expires && onExpiry !== 'fail') {
    reader.problem('/onExpiry', 'FIELD_INVALID', 'Without "expiresInMs" it does not expire.');
  }
  for (const { pointer, reason, message } of readInputSchema(schema, '/form/schema').problems) {
    reader.problem(pointer, reason, message);
  }
}

/** The users named, each once. Throws where nobody could ever approve. */
function usersOf(
  value: JsonValue,
  terms: Pick<ApprovalRequest, 'quorum' | 'permission' | 'excludeStarter'>,
  { run }: Scope,
): string[] {
  const users = [...new Set(Array.isArray(value) ? value : [value])].map((user) => {
    if (typeof user === 'string' && uuid.test(user)) return user;
    throw invalid('An approver is not the id of a user.');
  });
  if (users.length > MAX_USERS) throw invalid(`At most ${MAX_USERS} approvers can be named.`);
  const able = terms.excludeStarter ? users.filter((user) => user !== run.startedBy) : users;
  if (terms.permission === null && able.length < terms.quorum) {
    throw invalid('More approvals are asked for than there are approvers.');
  }
  return users;
}

function invalid(message: string): AppError {
  return new AppError('failed_precondition', 'APPROVERS_INVALID', message);
}

function expiredFacts({ onExpiry }: ApprovalRequest): JsonObject {
  const decision = { approve: 'approved', reject: 'rejected', fail: 'expired' }[onExpiry];
  return { output: {}, decision, expired: true, decisions: [] };
}

function concludeBy(decision: JsonValue, next: string, onReject: string | undefined): Conclusion {
  if (decision === 'approved') return { next };
  if (decision === 'rejected') {
    if (onReject !== undefined) return { next: onReject };
    return { fail: { reason: 'APPROVAL_REJECTED', message: 'The approval was rejected.' } };
  }
  return { fail: { reason: 'APPROVAL_EXPIRED', message: 'Nobody approved in time.' } };
}
