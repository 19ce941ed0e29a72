drop function forget_ended_sessions(timestamptz, integer);
drop function grant_of_service(uuid, text);
drop function session_by_hash(text);
drop function api_key_by_hash(text);
drop table grants;
drop table api_keys;
drop table sessions;
