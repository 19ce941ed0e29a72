-- What create-prices says of it was true before order-price-keys.
comment on function price_in_force(text, text, timestamptz) is 'Uses model_prices_of_model.';
