import { RuleUpdatedSchema } from '@flotilla/contracts/validation';
import { appendEvent } from '@flotilla/events';
import type { JsonObject } from '@flotilla/expressions';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { lockComposites, lockRule, updateRule as saveRule } from '../db/rule-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Rule, type RuleState, ruleNotFound, type Severity } from '../domain/rule.ts';
import { parseConfiguration } from '../domain/rule-configuration.ts';
import { toRuleMessage } from '../messages/rule-message.ts';
import { settleMembers } from './settle-members.ts';

export async function updateRule(
  tx: Tx<Schema>,
  wish: {
    id: string;
    etag: string;
    name: string | undefined;
    description: string | undefined;
    configuration: JsonObject | undefined;
    severity: Severity | undefined;
    weight: number | undefined;
    status: RuleState | undefined;
  },
): Promise<Rule> {
  // In the same order as a composite that is being made, or the two would wait for each other.
  if (wish.configuration !== undefined) await lockComposites(tx);
  const rule = await lockRule(tx, wish.id);
  if (rule === undefined) throw ruleNotFound();
  checkRevision(rule, wish.etag);
  const changed: Rule = {
    ...rule,
    name: wish.name ?? rule.name,
    description: wish.description ?? rule.description,
    configuration: wish.configuration ?? rule.configuration,
    severity: wish.severity ?? rule.severity,
    weight: wish.weight ?? rule.weight,
    status: wish.status ?? rule.status,
  };
  if (wish.configuration !== undefined) {
    parseConfiguration(changed.ruleType, changed.configuration);
    await settleMembers(tx, changed);
  }
  const saved = await saveRule(tx, changed);
  await appendEvent(tx, { schema: RuleUpdatedSchema, message: { rule: toRuleMessage(saved) }, id: saved.id });
  return saved;
}
