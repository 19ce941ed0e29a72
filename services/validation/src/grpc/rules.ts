import type { RuleService } from '@flotilla/contracts/validation';
import { AppError } from '@flotilla/errors';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { createRule } from '../commands/create-rule.ts';
import { deleteRule } from '../commands/delete-rule.ts';
import { updateRule } from '../commands/update-rule.ts';
import { findRule, listRules } from '../db/rule-repository.ts';
import type { Schema } from '../db/schema.ts';
import { ruleNotFound } from '../domain/rule.ts';
import { ruleStatusWords, ruleTypeWords, severityWords, toRuleMessage } from '../messages/rule-message.ts';

/** What making resources needs from outside. */
export interface Making {
  readonly now: () => Date;
  readonly newId: () => string;
}

export function rules(db: Database<Schema>, making: Making): ServiceImplementation<typeof RuleService> {
  return {
    getRule: (request, call) =>
      db.read(call, async (tx) => {
        const rule = await findRule(tx, request.id);
        if (rule === undefined) throw ruleNotFound();
        return toRuleMessage(rule);
      }),
    listRules: (request, call) => {
      const size = pageSizeOf(request.pageSize);
      const filter = {
        ruleType: ruleTypeWords.wordOf(request.ruleType),
        status: ruleStatusWords.wordOf(request.status),
      };
      const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
      return db.read(call, async (tx) => {
        const { rows, nextPageToken } = toPage(await listRules(tx, filter, page), size);
        return { rules: rows.map(toRuleMessage), nextPageToken };
      });
    },
    createRule: (request, call) => {
      const ruleType = ruleTypeWords.wordOf(request.ruleType);
      if (ruleType === undefined) throw new AppError('invalid_argument', 'RULE_TYPE_MISSING', 'A rule type is needed.');
      const wish = {
        name: request.name,
        description: request.description,
        ruleType,
        configuration: request.configuration ?? {},
        severity: severityWords.wordOf(request.severity),
        weight: request.weight,
      };
      return db.write(call, async (tx) => toRuleMessage(await createRule(making.newId(), tx, wish)));
    },
    updateRule: (request, call) => {
      const wish = {
        id: request.id,
        etag: request.etag,
        name: request.name,
        description: request.description,
        configuration: request.configuration,
        severity: severityWords.wordOf(request.severity ?? 0),
        weight: request.weight,
        status: ruleStatusWords.wordOf(request.status ?? 0),
      };
      return db.write(call, async (tx) => toRuleMessage(await updateRule(tx, wish)));
    },
    deleteRule: (request, call) =>
      db.write(call, async (tx) => {
        await deleteRule(making.now(), tx, request);
        return {};
      }),
  };
}
