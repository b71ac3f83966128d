-- Notifications: new, read, notify.
begin;
select no_plan();

create function pg_temp.u(n int) returns uuid language sql immutable as $$ select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
create function pg_temp.mark() returns void language sql as $$
	select set_config('test.mark', (select last_value::text from bellwire.outbox_id), true) $$;
create function pg_temp.sent() returns table (id bigint, rooms text[], except_rooms text[], event text, data jsonb, confirm jsonb, control text, ephemeral boolean)
language sql as $$
	select id, rooms, except_rooms, event, data, confirm, control, false from bellwire.outbox
	where xid = pg_current_xact_id() and id > current_setting('test.mark')::bigint
	union all
	select id, rooms, except_rooms, event, data, confirm, control, true from bellwire.outbox_ephemeral
	where xid = pg_current_xact_id() and id > current_setting('test.mark')::bigint
	order by 1 $$;

insert into platform.users (id, name) values (pg_temp.u(1), 'Anna'), (pg_temp.u(2), 'Boris');
select set_config('bellwire.socket_id', '', true);

select pg_temp.mark();
insert into platform.notifications (id, user_id, type, title, body, data)
values (pg_temp.u(31), pg_temp.u(1), 'booking_confirmed', 'Запись подтверждена', 'Мастер Анна', '{"booking_id": "b"}'), (pg_temp.u(32), pg_temp.u(2), 'mention', 't', 'b', null);
select results_eq($$select event, rooms, data - 'created_at' from pg_temp.sent()$$, $$values
	('notification:new', array['user:' || pg_temp.u(1)], jsonb_build_object('id', pg_temp.u(31), 'type', 'booking_confirmed', 'title', 'Запись подтверждена',
		'body', 'Мастер Анна', 'data', '{"booking_id": "b"}'::jsonb, 'is_read', false)),
	('notification:new', array['user:' || pg_temp.u(2)], jsonb_build_object('id', pg_temp.u(32), 'type', 'mention', 'title', 't', 'body', 'b', 'data', '{}'::jsonb, 'is_read', false))$$,
	'a plain insert rings at the user; missing data is {}');
select is((select data ->> 'created_at' from pg_temp.sent() limit 1), rt_private.iso(now()), 'its time');
select lives_ok(format($$insert into platform.notifications (user_id, type, title, body) values (pg_temp.u(1), %L, 't', 'b')$$, t), 'type ' || t)
from unnest('{booking_request,booking_confirmed,booking_cancelled,friend_request,friend_accepted,post_liked,post_commented,post_reposted,mention,review_received,auto_booking_proposal}'::text[]) t;
select throws_ok($$insert into platform.notifications (user_id, type, title, body) values (pg_temp.u(1), 'other', 't', 'b')$$, '23514', null, 'the types are a closed list');
select throws_ok($$insert into platform.notifications (user_id, type, title, body, data) values (pg_temp.u(1), 'mention', 't', 'b', '[]')$$, '23514', null, 'data is an object');

-- notify
select pg_temp.mark();
select platform.notify(pg_temp.u(1), 'friend_request', 't', 'b') as id \gset
select is((select data ->> 'id' from pg_temp.sent()), :'id', 'platform.notify writes, rings and returns the id');
select throws_ok($$select platform.notify(pg_temp.u(1), 'other', 't', 'b', '{}')$$, '23514', null, 'notify: closed list');
select throws_ok($$select platform.notify(pg_temp.u(99), 'mention', 't', 'b', '{}')$$, '23503', null, 'notify: nobody there');
select ok(has_function_privilege('bellwire_service', 'platform.notify(uuid, text, text, text, jsonb)', 'execute'), 'services may notify');
select ok(not has_function_privilege('bellwire_edge', 'platform.notify(uuid, text, text, text, jsonb)', 'execute'), 'the edge may not');

-- read
select set_config('bellwire.socket_id', 'sock1', true);
select pg_temp.mark();
select rt.notification_read(pg_temp.u(1), jsonb_build_object('notification_id', :'id'::text)) as ack \gset
select is(:'ack'::jsonb, (select jsonb_build_object('notification_id', id, 'is_read', true, 'read_at', rt_private.iso(read_at)) from platform.notifications where id = :'id'), 'ack');
select results_eq($$select event, rooms, except_rooms, data from pg_temp.sent()$$,
	format($$values ('notification:read', array['user:' || pg_temp.u(1)], array['sock1'], %L::jsonb)$$, :'ack'), 'told to the user''s other sockets');
select pg_temp.mark();
select is(rt.notification_read(pg_temp.u(1), jsonb_build_object('notification_id', :'id'::text)), :'ack'::jsonb, 'the first read counts');
select is((select count(*) from pg_temp.sent()), 0::bigint, 'repeats announce nothing');
select throws_ok(format($$select rt.notification_read(pg_temp.u(2), '{"notification_id": "%s"}')$$, :'id'), 'RT403', 'No such notification', 'somebody else''s');
select throws_ok($$select rt.notification_read(pg_temp.u(2), '{"notification_id": "00000000-0000-4000-8000-000000000099"}')$$, 'RT403', 'No such notification', 'missing');
select throws_ok($$select rt.notification_read(pg_temp.u(2), '{}')$$, 'RT400', 'notification_id must be a uuid', 'required');

select set_config('bellwire.socket_id', '', true);
select pg_temp.mark();
update platform.notifications set read_at = '2026-01-10T12:00:00Z' where id in (pg_temp.u(31), pg_temp.u(32));
update platform.notifications set read_at = now() where id = pg_temp.u(31);
select results_eq($$select data, except_rooms from pg_temp.sent()$$, $$values
	(jsonb_build_object('notification_id', pg_temp.u(31), 'is_read', true, 'read_at', '2026-01-10T12:00:00.000Z'), '{}'::text[]),
	(jsonb_build_object('notification_id', pg_temp.u(32), 'is_read', true, 'read_at', '2026-01-10T12:00:00.000Z'), '{}'::text[])$$, 'read by whoever');
select is((select read_at from platform.notifications where id = pg_temp.u(31)), '2026-01-10T12:00:00Z'::timestamptz, 'the first time stays');

set local bellwire.silent = on;
select pg_temp.mark();
select platform.notify(pg_temp.u(1), 'mention', 't', 'b', '{}');
select is((select count(*) from pg_temp.sent() where event is not null), 0::bigint, 'an import says nothing');

select * from finish();
rollback;
