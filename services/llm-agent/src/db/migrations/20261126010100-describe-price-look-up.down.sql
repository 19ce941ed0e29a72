comment on function price_in_force(text, text, timestamptz) is null;
