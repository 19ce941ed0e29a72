drop table validation_results;
drop table scoring_models;
