import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { UsageService } from '@flotilla/contracts/agent';
import { AppError } from '@flotilla/errors';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken } from '@flotilla/postgres';
import { findAgent } from '../db/agent-repository.ts';
import type { Schema } from '../db/schema.ts';
import { agentStatistics, sumUsage } from '../db/usage-repository.ts';
import { agentNotFound } from '../domain/not-found.ts';
import { readDays, readTimes } from '../domain/usage.ts';
import { toDimensions, toLedgerFormat, toStatisticsMessage, toUsageMessage } from '../messages/usage-message.ts';
import { exportLedger } from '../queries/export-ledger.ts';

const maxSums = 5_000;
const maxStatisticsDays = 92;

export function usage(
  db: Database<Schema>,
  { now }: { readonly now: () => Date },
): ServiceImplementation<typeof UsageService> {
  return {
    listUsage: (request, call) =>
      db.read(call, async (tx) => {
        const { agentId, userId } = request;
        const days = readDays(request.startDate, request.endDate, now());
        const wish = { ...days, agentId, userId, groupBy: toDimensions(request.groupBy) };
        const sums = await sumUsage(tx, wish, maxSums + 1);
        if (sums.length > maxSums) {
          const message = `These are more than ${maxSums} sums: shorten the period, or group by less.`;
          throw new AppError('invalid_argument', 'USAGE_TOO_LARGE', message);
        }
        return { usage: sums.map(toUsageMessage) };
      }),

    exportLedger: (request, call) =>
      db.read(call, (tx) =>
        exportLedger(tx, {
          from: request.startTime && timestampDate(request.startTime),
          to: request.endTime && timestampDate(request.endTime),
          format: toLedgerFormat(request.format),
          cursor: pageToken.decode(request.pageToken),
          size: pageSizeOf(request.pageSize, { byDefault: 1_000, max: 2_000 }),
        }),
      ),

    getAgentStatistics: (request, call) =>
      db.read(call, async (tx) => {
        const { agentId } = request;
        if ((await findAgent(tx, agentId)) === undefined) throw agentNotFound();
        const [start, end] = [request.startTime, request.endTime].map((time) => time && timestampDate(time));
        const period = readTimes(start, end, { now: now(), maxDays: maxStatisticsDays });
        return toStatisticsMessage(await agentStatistics(tx, { agentId, ...period }), { agentId, ...period });
      }),
  };
}
