import { RuleCreatedSchema } from '@flotilla/contracts/validation';
import { appendEvent } from '@flotilla/events';
import type { JsonObject } from '@flotilla/expressions';
import type { Tx } from '@flotilla/postgres';
import { insertRule } from '../db/rule-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { NewRule, Rule, RuleType, Severity } from '../domain/rule.ts';
import { parseConfiguration } from '../domain/rule-configuration.ts';
import { toRuleMessage } from '../messages/rule-message.ts';
import { settleMembers } from './settle-members.ts';

export async function createRule(
  id: string,
  tx: Tx<Schema>,
  wish: {
    name: string;
    description: string;
    ruleType: RuleType;
    configuration: JsonObject;
    severity: Severity | undefined;
    weight: number | undefined;
  },
): Promise<Rule> {
  parseConfiguration(wish.ruleType, wish.configuration);
  const wanted: NewRule = {
    ...wish,
    id,
    severity: wish.severity ?? 'error',
    weight: wish.weight ?? 1,
    status: 'active',
  };
  await settleMembers(tx, wanted);
  const rule = await insertRule(tx, wanted);
  await appendEvent(tx, { schema: RuleCreatedSchema, message: { rule: toRuleMessage(rule) }, id: rule.id });
  return rule;
}
