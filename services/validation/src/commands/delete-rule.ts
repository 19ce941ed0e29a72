import { RuleDeletedSchema } from '@flotilla/contracts/validation';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { findUserOfRule, lockRule, markRuleDeleted } from '../db/rule-repository.ts';
import type { Schema } from '../db/schema.ts';
import { ruleNotFound } from '../domain/rule.ts';
import { toRuleMessage } from '../messages/rule-message.ts';

/** The lock comes before the look at who uses it: a model that is being made holds its rules. */
export async function deleteRule(now: Date, tx: Tx<Schema>, wish: { id: string; etag: string }): Promise<void> {
  const rule = await lockRule(tx, wish.id);
  if (rule === undefined) throw ruleNotFound();
  checkRevision(rule, wish.etag);
  const user = await findUserOfRule(tx, rule.id);
  if (user !== undefined) throw new AppError('failed_precondition', 'RULE_IN_USE', `The rule is used by "${user}".`);
  await markRuleDeleted(tx, rule, now);
  await appendEvent(tx, { schema: RuleDeletedSchema, message: { rule: toRuleMessage(rule) }, id: rule.id });
}
