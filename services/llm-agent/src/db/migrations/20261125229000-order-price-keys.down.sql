drop index model_prices_of_model;
drop index model_prices_entry;
create unique index model_prices_entry on model_prices (provider, model, tenant_id, fleet_wide, effective_from);
