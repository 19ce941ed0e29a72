import type { Conflicts } from '@flotilla/postgres';

/** What violated constraints mean to callers. */
export const conflicts: Conflicts = {
  model_prices_entry: ['already_exists', 'PRICE_EXISTS', 'There is a price for this model from that moment already.'],
  budgets_subject: ['already_exists', 'BUDGET_EXISTS', 'There is a budget for this level, subject and period already.'],
  agents_slug: ['already_exists', 'AGENT_SLUG_TAKEN', 'Another agent has this slug.'],
  llm_providers_slug: ['already_exists', 'PROVIDER_SLUG_TAKEN', 'There is a provider of this slug.'],
};
