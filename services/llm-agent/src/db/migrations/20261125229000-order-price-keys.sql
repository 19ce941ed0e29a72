-- Keys begin with the tenant; prices in force are looked up by model over the fleet's and the tenant's own.
drop index model_prices_entry;
create unique index model_prices_entry on model_prices (tenant_id, provider, model, fleet_wide, effective_from);
create index model_prices_of_model on model_prices (provider, model, effective_from);
