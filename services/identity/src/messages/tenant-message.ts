import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { TenantPlan, type TenantSchema, TenantStatus } from '@flotilla/contracts/identity';
import type { TenantPlan as Plan, Tenant } from '../domain/tenant.ts';

const statuses = { active: TenantStatus.ACTIVE, suspended: TenantStatus.SUSPENDED, deleted: TenantStatus.DELETED };
const plans = {
  free: TenantPlan.FREE,
  starter: TenantPlan.STARTER,
  pro: TenantPlan.PRO,
  enterprise: TenantPlan.ENTERPRISE,
};

export function toTenantMessage(tenant: Tenant): MessageInitShape<typeof TenantSchema> {
  return {
    id: tenant.id,
    name: tenant.name,
    slug: tenant.slug,
    status: statuses[tenant.status],
    plan: plans[tenant.plan],
    maxAgents: tenant.maxAgents,
    maxDailyRequests: tenant.maxDailyRequests,
    maxMonthlyTokens: tenant.maxMonthlyTokens,
    contactEmail: tenant.contactEmail,
    contactName: tenant.contactName,
    settings: tenant.settings as JsonObject,
    createTime: timestampFromDate(tenant.createdAt),
    updateTime: timestampFromDate(tenant.updatedAt),
    etag: String(tenant.revision),
  };
}

/** Unspecified means free. */
export function toPlan(plan: TenantPlan): Plan {
  switch (plan) {
    case TenantPlan.STARTER:
      return 'starter';
    case TenantPlan.PRO:
      return 'pro';
    case TenantPlan.ENTERPRISE:
      return 'enterprise';
    default:
      return 'free';
  }
}
