drop table workflow_template_ratings;
drop table workflow_templates;
