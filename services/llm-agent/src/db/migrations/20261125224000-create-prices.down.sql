drop function open_attempt(uuid, uuid, integer, uuid, uuid, text, text, boolean, timestamptz);
drop function price_in_force(text, text, timestamptz);
drop function visible_prices();
alter table provider_attempts
  drop column agent_id,
  drop column user_id,
  drop column cached_prompt_tokens,
  drop column usage_estimated,
  drop column input_usd_micros,
  drop column cached_input_usd_micros,
  drop column output_usd_micros;
drop table model_prices;
