-- platform.notifications: a row rings at the user, and is read once. notifications_first, notifications_publish_insert,
-- notifications_publish_update; rt_private.notification_payload.
begin;
select plan(22);

insert into platform.users (id, name) values (tests.u(1), 'Anna'), (tests.u(2), 'Boris');
select set_config('bellwire.socket_id', '', true);

select tests.mark();
insert into platform.notifications (id, user_id, type, title, body, data)
values (tests.u(31), tests.u(1), 'booking_confirmed', 'Запись подтверждена', 'Мастер Анна', '{"booking_id": "b"}'),
	(tests.u(32), tests.u(2), 'mention', 't', 'b', null);
select results_eq($$select event, rooms, data - 'created_at' from tests.sent()$$, $$values
	('notification:new', array['user:' || tests.u(1)],
	jsonb_build_object('id', tests.u(31), 'type', 'booking_confirmed', 'title', 'Запись подтверждена',
		'body', 'Мастер Анна', 'data', '{"booking_id": "b"}'::jsonb, 'is_read', false)),
	('notification:new', array['user:' || tests.u(2)],
	jsonb_build_object('id', tests.u(32), 'type', 'mention', 'title', 't', 'body', 'b', 'data', '{}'::jsonb,
	'is_read', false))$$,
	'a plain insert rings at the user; missing data is {}');
select is((select data ->> 'created_at' from tests.sent() limit 1),
	(select rt_private.iso(created_at) from platform.notifications where id = tests.u(31)), 'its time');
select ok((select created_at > now() from platform.notifications where id = tests.u(31)),
	'which is when it was written, not when its transaction began');
select lives_ok(format($$insert into platform.notifications (user_id, type, title, body)
	values (tests.u(1), %L, 't', 'b')$$, t), 'type ' || t)
from unnest(array['booking_request', 'booking_confirmed', 'booking_cancelled', 'friend_request', 'friend_accepted',
	'post_liked', 'post_commented', 'post_reposted', 'mention', 'review_received', 'auto_booking_proposal']) t;
select throws_ok($$insert into platform.notifications (user_id, type, title, body)
	values (tests.u(1), 'other', 't', 'b')$$, '23514', null, 'the types are a closed list');
select throws_ok($$insert into platform.notifications (user_id, type, title, body, data)
	values (tests.u(1), 'mention', 't', 'b', '[]')$$, '23514', null, 'data is an object');
select throws_ok($$select platform.notify(tests.u(1), 'mention', 't', 'b', '{"a": {"_placeholder": true}}')$$, 'RT400',
	'data must not have a key _placeholder', 'data that breaks a client is refused');

select set_config('bellwire.socket_id', '', true);
select tests.mark();
update platform.notifications set read_at = '2026-01-10T12:00:00Z' where id in (tests.u(31), tests.u(32));
update platform.notifications set read_at = now() where id = tests.u(31);
select results_eq($$select data, except_rooms from tests.sent()$$, $$values
	(jsonb_build_object('notification_id', tests.u(31), 'is_read', true, 'read_at', '2026-01-10T12:00:00.000Z'),
	'{}'::text[]),
	(jsonb_build_object('notification_id', tests.u(32), 'is_read', true, 'read_at', '2026-01-10T12:00:00.000Z'),
	'{}'::text[])$$, 'read by whoever');
select is((select read_at from platform.notifications where id = tests.u(31)), '2026-01-10T12:00:00Z'::timestamptz,
	'the first time stays');

-- ids that go down while the rows go up
select tests.mark();
insert into platform.notifications (id, user_id, type, title, body)
select tests.u(400 - n), tests.u(1), 'mention', 't', 'b' || n from generate_series(1, 20) n;
select results_eq($$select data ->> 'body' from tests.sent()$$, $$select 'b' || n from generate_series(1, 20) n$$,
	'one INSERT of 20 notifications: in the order of its rows');
select tests.mark();
update platform.notifications set read_at = now()
	where id = any(array(select tests.u(400 - n) from generate_series(1, 20) n));
select results_eq($$select right(data ->> 'notification_id', 3)::int from tests.sent()$$,
	$$select 400 - n from generate_series(1, 20) n$$, 'one UPDATE that reads 20: as they were written');

set local bellwire.silent = on;
select tests.mark();
select platform.notify(tests.u(1), 'mention', 't', 'b', '{}');
select is((select count(*) from tests.sent() where event is not null), 0::bigint, 'an import says nothing');

select * from finish();
rollback;
