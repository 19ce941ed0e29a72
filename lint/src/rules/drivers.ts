import { isTest, type Rule } from '../rule.ts';

/** Where each driver lives. Everyone else goes through that library, which sets tenants, deadlines and traces. */
const homes: Readonly<Record<string, readonly string[]>> = {
  pg: ['libs/postgres', 'libs/testing'],
  kysely: ['libs/postgres'],
  kafkajs: ['libs/events'],
  '@grpc/grpc-js': ['libs/grpc'],
  ioredis: ['libs/redis'],
  pino: ['libs/observability'],
  'prom-client': ['libs/observability'],
  '@temporalio/worker': ['libs/temporal'],
};

/** Raw queries and raw clients stay in their libraries. */
export const drivers: Rule = {
  name: 'drivers',
  check({ path, imports }) {
    if (isTest(path) || !/^(libs|services)\/[^/]+\/src\//.test(path)) return [];
    return imports.flatMap(({ specifier, typeOnly, line }) => {
      const home = homes[specifier];
      if (home === undefined || typeOnly || home.some((folder) => path.startsWith(`${folder}/`))) return [];
      return [{ line, message: `${specifier} is used through ${home[0]}` }];
    });
  },
};
