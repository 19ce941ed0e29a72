export type TenantStatus = 'active' | 'suspended' | 'deleted';
export type TenantPlan = 'free' | 'starter' | 'pro' | 'enterprise';

/** JSON that a tenant keeps about itself. */
export type Settings = Readonly<Record<string, unknown>>;

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly status: TenantStatus;
  readonly plan: TenantPlan;
  readonly maxAgents: number;
  readonly maxDailyRequests: number;
  readonly maxMonthlyTokens: bigint;
  readonly contactEmail: string;
  readonly contactName: string;
  readonly settings: Settings;
  readonly operator: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly revision: number;
}

/** What may be changed about a tenant by itself; what is left out stays. */
export type TenantChange = Partial<Pick<Tenant, 'name' | 'contactEmail' | 'contactName' | 'settings'>>;

const limits: Readonly<Record<TenantPlan, Pick<Tenant, 'maxAgents' | 'maxDailyRequests' | 'maxMonthlyTokens'>>> = {
  free: { maxAgents: 5, maxDailyRequests: 1_000, maxMonthlyTokens: 1_000_000n },
  starter: { maxAgents: 25, maxDailyRequests: 10_000, maxMonthlyTokens: 10_000_000n },
  pro: { maxAgents: 100, maxDailyRequests: 100_000, maxMonthlyTokens: 100_000_000n },
  enterprise: { maxAgents: 1_000, maxDailyRequests: 10_000_000, maxMonthlyTokens: 10_000_000_000n },
};

/** A new, active tenant with the limits of its plan. */
export function newTenant(
  wish: {
    readonly id: string;
    readonly name: string;
    readonly slug: string;
    readonly plan: TenantPlan;
    readonly operator: boolean;
  },
  now: Date,
): Tenant {
  return {
    ...wish,
    ...limits[wish.plan],
    status: 'active',
    contactEmail: '',
    contactName: '',
    settings: {},
    createdAt: now,
    updatedAt: now,
    revision: 1,
  };
}
