alter table tasks drop column output_at;
alter table tasks drop column input_at;
drop table workflow_payloads;
