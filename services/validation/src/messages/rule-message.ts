import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { enumWords } from '@flotilla/contracts';
import { type RuleSchema, RuleSeverity, RuleStatus, RuleType } from '@flotilla/contracts/validation';
import { type Rule, ruleStates, ruleTypes, severities } from '../domain/rule.ts';

export const ruleTypeWords = enumWords(RuleType, ruleTypes);
export const severityWords = enumWords(RuleSeverity, severities);
export const ruleStatusWords = enumWords(RuleStatus, ruleStates);

export function toRuleMessage(rule: Rule): MessageInitShape<typeof RuleSchema> {
  return {
    id: rule.id,
    name: rule.name,
    description: rule.description,
    ruleType: ruleTypeWords.valueOf(rule.ruleType),
    configuration: rule.configuration as NonNullable<MessageInitShape<typeof RuleSchema>['configuration']>,
    severity: severityWords.valueOf(rule.severity),
    weight: rule.weight,
    status: ruleStatusWords.valueOf(rule.status),
    createTime: timestampFromDate(rule.createdAt),
    updateTime: timestampFromDate(rule.updatedAt),
    etag: String(rule.revision),
  };
}
