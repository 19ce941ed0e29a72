drop function claim_due_notifications(integer, interval);
drop table send_keys;
drop table notifications;
