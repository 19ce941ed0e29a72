import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  BudgetLevel as BudgetLevelMessage,
  BudgetPeriod as BudgetPeriodMessage,
  type BudgetSchema,
  type BudgetSpendingSchema,
  type CreateBudgetRequest,
  type UpdateBudgetRequest,
} from '@flotilla/contracts/agent';
import type { Budget, BudgetLevel, BudgetLimits, BudgetPeriod, BudgetSpending, BudgetWish } from '../domain/budget.ts';

const levelMessages: Record<BudgetLevel, BudgetLevelMessage> = {
  tenant: BudgetLevelMessage.TENANT,
  user: BudgetLevelMessage.USER,
  agent: BudgetLevelMessage.AGENT,
  execution: BudgetLevelMessage.EXECUTION,
};

const periodMessages: Record<BudgetPeriod, BudgetPeriodMessage> = {
  day: BudgetPeriodMessage.DAY,
  month: BudgetPeriodMessage.MONTH,
  total: BudgetPeriodMessage.TOTAL,
};

export function toBudgetMessage(budget: Budget): MessageInitShape<typeof BudgetSchema> {
  return {
    id: budget.id,
    level: levelMessages[budget.level],
    subjectId: budget.subjectId ?? '',
    period: periodMessages[budget.period],
    ...(budget.limitTokens === undefined ? {} : { limitTokens: budget.limitTokens }),
    ...(budget.limitUsdMicros === undefined ? {} : { limitUsdMicros: budget.limitUsdMicros }),
    warnPercent: budget.warnPercent,
    createdBy: budget.createdBy,
    createTime: timestampFromDate(budget.createdAt),
    updateTime: timestampFromDate(budget.updatedAt),
    etag: String(budget.revision),
  };
}

export function toBudgetWish(request: CreateBudgetRequest): BudgetWish {
  const { level, userId, agentId, period, limitTokens, limitUsdMicros, warnPercent } = request;
  return {
    level: toLevel(level) ?? 'tenant',
    userId: userId || undefined,
    agentId: agentId || undefined,
    period: (Object.keys(periodMessages) as BudgetPeriod[]).find((one) => periodMessages[one] === period) ?? 'total',
    limitTokens,
    limitUsdMicros,
    warnPercent: warnPercent || undefined,
  };
}

export function toLimitsChange(request: UpdateBudgetRequest): Partial<BudgetLimits> {
  const { limitTokens, limitUsdMicros, warnPercent } = request;
  return {
    ...(limitTokens === undefined ? {} : { limitTokens }),
    ...(limitUsdMicros === undefined ? {} : { limitUsdMicros }),
    ...(warnPercent === undefined ? {} : { warnPercent }),
  };
}

/** Undefined for "unspecified". */
export function toLevel(message: BudgetLevelMessage): BudgetLevel | undefined {
  return (Object.keys(levelMessages) as BudgetLevel[]).find((level) => levelMessages[level] === message);
}

export function toSpendingMessage(spending: BudgetSpending): MessageInitShape<typeof BudgetSpendingSchema> {
  return {
    ...toSpent(spending),
    id: spending.id,
    budgetId: spending.budgetId,
    reservedTokens: spending.reservedTokens,
    reservedUsd: spending.reservedUsd,
    ...(spending.warnedAt && { warnTime: timestampFromDate(spending.warnedAt) }),
    ...(spending.exceededAt && { exceedTime: timestampFromDate(spending.exceededAt) }),
  };
}

/** For both events that tell how much is spent. */
export function toSpendingEvent(budget: Budget, spending: BudgetSpending) {
  return { budget: toBudgetMessage(budget), ...toSpent(spending) };
}

function toSpent({ subjectId = '', periodStart = '', spentTokens, spentUsd }: BudgetSpending) {
  return { subjectId, periodStart, spentTokens, spentUsd };
}
