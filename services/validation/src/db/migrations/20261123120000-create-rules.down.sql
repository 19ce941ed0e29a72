drop table validation_rules;
