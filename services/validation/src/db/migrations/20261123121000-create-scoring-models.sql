create table scoring_models (
  id                uuid primary key,
  tenant_id         uuid not null,
  name              text not null check (length(name) between 1 and 255),
  -- [{ "ruleId", "weight"? }]: without a weight the rule's own counts.
  rules             jsonb not null check (jsonb_typeof(rules) = 'array' and jsonb_array_length(rules) between 1 and 100),
  pass_threshold    double precision not null default 0.7 check (pass_threshold between 0 and 1),
  warning_threshold double precision not null default 0.5 check (warning_threshold between 0 and 1),
  version           integer not null default 1 check (version > 0),
  status            text not null default 'active' check (status in ('active', 'inactive')),
  revision          integer not null default 1 check (revision > 0),
  event_seq         bigint not null default 0,
  created_at        timestamptz(3) not null default now(),
  updated_at        timestamptz(3) not null default now(),
  deleted_at        timestamptz(3),
  unique (tenant_id, id),
  constraint scoring_models_thresholds check (warning_threshold <= pass_threshold)
);
create unique index scoring_models_name on scoring_models (tenant_id, name) where deleted_at is null;
create index scoring_models_newest on scoring_models (tenant_id, id desc) where deleted_at is null;
select protect_tenant_table('scoring_models', 'select, insert, update');

create table validation_results (
  id                    uuid primary key,
  tenant_id             uuid not null,
  source_type           text not null check (length(source_type) between 1 and 50),
  source_id             uuid not null,
  scoring_model_id      uuid not null,
  scoring_model_version integer not null check (scoring_model_version > 0),
  content               text not null,
  overall_score         double precision not null check (overall_score between 0 and 1),
  outcome               text not null check (outcome in ('passed', 'failed', 'warning')),
  rule_results          jsonb not null check (jsonb_typeof(rule_results) = 'array'),
  event_seq             bigint not null default 0,
  validated_at          timestamptz(3) not null default now(),
  -- Models are deleted by mark only, so a result can always name its own.
  foreign key (tenant_id, scoring_model_id) references scoring_models (tenant_id, id)
);
create index validation_results_newest on validation_results (tenant_id, id desc);
create index validation_results_source on validation_results (tenant_id, source_type, source_id, id desc);
-- A verdict is what was found: only its event counter moves.
select protect_tenant_table('validation_results', 'select, insert');
do $$
begin
  execute format('grant update (event_seq) on validation_results to %I', service_role('app'));
end $$;
