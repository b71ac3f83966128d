-- user:online and user:offline, to whom.
begin;
select plan(13);

insert into platform.users (id, name) select tests.u(n), 'User ' || n from generate_series(1, 3) n;
insert into platform.chats (id) values (tests.u(10));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(1));
insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(2));

update bellwire.settings set value = 'everyone' where name = 'presence_audience';
select tests.mark();
select rt_private.presence_publish(array[tests.u(1)], true);
select is((select event from tests.sent()), 'user:online', 'online');
select ok((select rooms is null from tests.sent()), 'to everyone');
select is((select data from tests.sent()),
	(select jsonb_build_object('user_id', id, 'online', true, 'last_seen', rt_private.iso(last_seen_at))
	from platform.users where id = tests.u(1)), 'payload');
select tests.mark();
select rt_private.presence_publish(array[tests.u(1)], false);
select is((select event from tests.sent()), 'user:offline', 'offline');
select is((select data from tests.sent()),
	(select jsonb_build_object('user_id', id, 'online', false, 'last_seen', rt_private.iso(last_seen_at))
	from platform.users where id = tests.u(1)), 'payload');
select ok(last_seen_at > now() - interval '1 minute', 'last_seen_at is kept') from platform.users where id = tests.u(1);

update bellwire.settings set value = 'contacts' where name = 'presence_audience';
select tests.mark();
select rt_private.presence_publish(array[tests.u(1)], true);
select is((select array(select r from unnest(rooms) r order by 1) from tests.sent() where event is not null),
	array['followers:' || tests.u(1), 'participants:' || tests.u(10), 'user:' || tests.u(2)], 'to contacts');
select is((select except_rooms from tests.sent() where event is not null), array['user:' || tests.u(1)],
	'oneself is no contact');
select tests.mark();
delete from platform.users where id = tests.u(3);
select lives_ok($$select rt_private.presence_publish(array[tests.u(3)], false)$$, 'somebody whose row is gone');
select ok((select data ->> 'last_seen' is not null from tests.sent() where event is not null), 'is seen last now');

-- rt_private.presence_events: one row for each, in their order, and the time of the call for those whose row is held
select results_eq($$select data ->> 'user_id' from rt_private.presence_events(array[tests.u(2), tests.u(1)],
	array[null, tests.u(1)]::uuid[], true, '2026-01-10T12:00:00Z')$$,
	array[tests.u(2)::text, tests.u(1)::text], 'in the order of the users');
select is((select data ->> 'last_seen' from rt_private.presence_events(array[tests.u(2)], array[null]::uuid[], true,
	'2026-01-10T12:00:00Z')), '2026-01-10T12:00:00.000Z', 'and of the time that it is given');

select is(rt_private.presence_data(tests.u(2), false, '2026-01-10T12:00:00Z'), jsonb_build_object('user_id', tests.u(2),
	'online', false, 'last_seen', '2026-01-10T12:00:00.000Z'), 'what it says');

select * from finish();
rollback;
