drop table notification_subscriptions;
drop table notification_templates;
