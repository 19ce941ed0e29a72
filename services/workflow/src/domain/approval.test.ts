import { describe, expect, test } from 'vitest';
import { type Approval, type Approver, approverIds, decide, delegate } from './approval.ts';

const now = new Date('2026-11-25T12:00:00Z');
const [ada, bob, cyd, eve] = ['ada', 'bob', 'cyd', 'eve'];
const open: Approval = {
  status: 'pending',
  namedIds: [ada, bob],
  permission: undefined,
  quorum: 1,
  rejections: 1,
  excludeStarter: false,
  startedBy: eve,
  expiresAt: undefined,
  decisions: [],
  delegations: [],
};
const as = (userId: string, ...permissions: string[]): Approver => ({ userId, permissions: new Set(permissions) });
const say = (verdict: 'approve' | 'reject') => ({ verdict, comment: '', form: {} });
const approve = (approval: Approval, who: Approver) => decide(approval, who, say('approve'), now);
const reject = (approval: Approval, who: Approver) => decide(approval, who, say('reject'), now);
const hand = (approval: Approval, from: string, to: string) =>
  delegate(approval, as(from), { userId: to, comment: '' }, now);
const refused = (reason: string) => expect.objectContaining({ reason });

describe('deciding', () => {
  test('the quorum approves, one rejection rejects', () => {
    const two = { ...open, quorum: 2 };
    expect(approve(open, as(ada)).status).toBe('approved');
    expect(approve(two, as(ada)).status).toBe('pending');
    expect(approve(approve(two, as(ada)), as(bob)).status).toBe('approved');
    expect(reject(approve(two, as(ada)), as(bob)).status).toBe('rejected');
  });

  test('more rejections may be asked for; what cannot be approved any more is rejected', () => {
    const three = { ...open, namedIds: [ada, bob, cyd], quorum: 2, rejections: 3 };
    expect(reject(three, as(ada)).status).toBe('pending');
    expect(reject(reject(three, as(ada)), as(bob)).status).toBe('rejected');
    expect(approve(approve(reject(three, as(ada)), as(bob)), as(cyd)).status).toBe('approved');
    const byPermission = { ...three, permission: 'p:x' };
    expect(reject(reject(byPermission, as(ada)), as(bob)).status).toBe('pending');
  });

  test('the wrong person, twice, late', () => {
    expect(() => approve(open, as(eve))).toThrow(refused('NOT_AN_APPROVER'));
    expect(() => approve({ ...open, permission: 'p:x' }, as(eve, 'p:y'))).toThrow(refused('NOT_AN_APPROVER'));
    expect(approve({ ...open, permission: 'p:x' }, as(eve, 'p:x')).status).toBe('approved');
    const alone = { ...open, permission: 'p:x', excludeStarter: true };
    expect(() => approve(alone, as(eve, 'p:x'))).toThrow(refused('STARTER_EXCLUDED'));
    const two = approve({ ...open, quorum: 2 }, as(ada));
    expect(() => approve(two, as(ada))).toThrow(refused('ALREADY_ANSWERED'));
    expect(() => approve(approve(open, as(ada)), as(bob))).toThrow(refused('APPROVAL_DECIDED'));
    expect(() => approve({ ...open, expiresAt: now }, as(ada))).toThrow(refused('APPROVAL_EXPIRED'));
    expect(() => approve({ ...open, status: 'cancelled' }, as(ada))).toThrow(refused('APPROVAL_CANCELLED'));
  });
});

describe('delegating', () => {
  test('a say moves; there is never one more of them', () => {
    const handed = hand(open, ada, cyd);
    expect(approverIds(handed)).toEqual([bob, cyd]);
    expect(() => approve(handed, as(ada))).toThrow(refused('NOT_AN_APPROVER'));
    expect(approve(handed, as(cyd)).status).toBe('approved');
    expect(approverIds(hand(handed, cyd, eve))).toEqual([bob, eve]);
    expect(approverIds(hand(handed, cyd, ada))).toEqual([ada, bob]);
  });

  test('it can be taken back, or moved elsewhere, until it was used or handed on', () => {
    const handed = hand({ ...open, quorum: 2 }, ada, cyd);
    expect(approverIds(hand(handed, ada, ada))).toEqual([ada, bob]);
    expect(approverIds(hand(handed, ada, eve))).toEqual([bob, eve]);
    expect(() => hand(approve(handed, as(cyd)), ada, ada)).toThrow(refused('NOT_AN_APPROVER'));
    expect(() => hand(hand(handed, cyd, eve), ada, ada)).toThrow(refused('NOT_AN_APPROVER'));
  });

  test('to nobody who has a say, may have none, or oneself; by nobody who has none', () => {
    expect(() => hand(open, ada, bob)).toThrow(refused('DELEGATE_IS_APPROVER'));
    expect(() => hand(open, ada, ada)).toThrow(refused('DELEGATE_IS_SELF'));
    expect(() => hand({ ...open, excludeStarter: true }, ada, eve)).toThrow(refused('STARTER_EXCLUDED'));
    expect(() => hand(open, eve, cyd)).toThrow(refused('NOT_AN_APPROVER'));
    const round = hand(hand(open, ada, cyd), cyd, eve);
    expect(() => hand(round, eve, ada)).toThrow(refused('DELEGATE_IS_APPROVER'));
    const answered = approve({ ...open, quorum: 2 }, as(ada));
    expect(() => hand(answered, ada, cyd)).toThrow(refused('ALREADY_ANSWERED'));
  });

  test('whoever could answer by a permission cannot once the say was handed on', () => {
    const byPermission = { ...open, namedIds: [], permission: 'p:x', quorum: 2 };
    const handed = delegate(byPermission, as(ada, 'p:x'), { userId: cyd, comment: '' }, now);
    expect(() => approve(handed, as(ada, 'p:x'))).toThrow(refused('NOT_AN_APPROVER'));
    expect(approve(handed, as(cyd)).decisions).toHaveLength(1);
  });
});
