-- Relayed events, by the database: rt_private.relay and what it is made of.
begin;
select plan(26);

insert into platform.users (id, name) values (tests.u(1), 'Anna'), (tests.u(2), 'Boris'), (tests.u(3), 'Stranger');
insert into platform.chats (id) values (tests.u(10));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(1)), (tests.u(10), tests.u(2));
insert into platform.follows (follower_id, followee_id) values (tests.u(1), tests.u(2));
insert into bellwire.routes (event, relay_room, relay_members, relay_fields) values
	('cursor', 'chat:{chat_id}', 'participants:{chat_id}',
		'{"chat_id": "uuid", "x": "number", "at": "text", "on": "boolean", "by": "user_name",
			"me": "user_id"}'),
	('cheer', 'followers:{to}', 'followers:{to}', '{"to": "uuid"}'),
	('mood', 'followers:{me}', 'user:{me}', '{"me": "user_id"}'),
	('poke', 'user:{to}', 'user:{to}', '{"to": "uuid"}');
create function pg_temp.cursor(p_more jsonb default '{}') returns jsonb language sql as $$
	select jsonb_build_object('chat_id', tests.u(10), 'x', -1.5, 'at', 'here', 'on', true, 'more', 1) || p_more $$;
select set_config('bellwire.socket_id', 'sock1', true);

select tests.mark();
select is(rt_private.relay('cursor', tests.u(1), pg_temp.cursor()), '{"status": "ok"}', 'its ack');
select results_eq($$select rooms, except_rooms, event, data, ephemeral from tests.sent()$$,
	$$values (array['chat:' || tests.u(10)], array['sock1'], 'cursor', jsonb_build_object('chat_id', tests.u(10),
		'x', -1.5, 'at', 'here', 'on', true, 'by', 'Anna', 'me', tests.u(1)), true)$$,
	'it goes to the room but this socket, with its fields and no others, and leaves no trace');
select throws_ok(format('select rt_private.relay(%L, %L, %L)', 'cursor', tests.u(1), pg_temp.cursor(m)), 'RT400', t, t)
from (values ('{"chat_id": 7}'::jsonb, 'chat_id must be a uuid'), ('{"chat_id": null}', 'chat_id must be a uuid'),
	('{"x": "1"}', 'x must be a number'), ('{"x": null}', 'x must be a number'), ('{"at": 1}', 'at must be a text'),
	('{"at": null}', 'at must be a text'), ('{"on": "true"}', 'on must be a boolean'),
	('{"on": 1}', 'on must be a boolean')) b (m, t);
select throws_ok(format('select rt_private.relay(%L, %L, %L)', 'cursor', tests.u(1), pg_temp.cursor() - k), 'RT400',
	null, k || ' is required')
from unnest('{chat_id,x,at,on}'::text[]) k;
select throws_ok($$select rt_private.relay('cursor', tests.u(3), pg_temp.cursor())$$, 'RT403',
	'Not a participant of this chat', 'a stranger');
select throws_ok($$select rt_private.relay('cursor', tests.u(1),
	pg_temp.cursor(jsonb_build_object('chat_id', tests.u(99))))$$, 'RT404', 'No such chat', 'no such chat');

select lives_ok($$select rt_private.relay('cheer', tests.u(1), jsonb_build_object('to', tests.u(2)))$$, 'a follower');
select throws_ok($$select rt_private.relay('cheer', tests.u(3), jsonb_build_object('to', tests.u(2)))$$, 'RT403',
	'Not a follower of this user', 'nobody else');
select tests.mark();
select lives_ok($$select rt_private.relay('mood', tests.u(3), '{}')$$, 'everybody to his own followers');
select is((select rooms from tests.sent()), array['followers:' || tests.u(3)], 'whatever the payload says');
select lives_ok($$select rt_private.relay('poke', tests.u(1), jsonb_build_object('to', tests.u(1)))$$, 'oneself');
select throws_ok($$select rt_private.relay('poke', tests.u(1), jsonb_build_object('to', tests.u(2)))$$, 'RT403',
	'Not this user', 'not another user');

-- by the route, which needs no function
select is((select array[(r.ack ->> 'status'), r.lasting::text]
	from rt_private.route_run('cursor', tests.u(1), pg_temp.cursor(), 'held') r), '{ok,false}',
	'the route does it');
select set_config('bellwire.socket_id', '', true);
select tests.mark();
select rt_private.relay('cursor', tests.u(1), pg_temp.cursor());
select is((select except_rooms from tests.sent()), '{}', 'outside a client event nobody is left out');
update bellwire.routes set function = 'rt.chat_leave', relay_room = null, relay_members = null, relay_fields = null
where event = 'cursor';
select throws_ok($$select rt_private.relay('cursor', tests.u(1), pg_temp.cursor())$$, 'RT403', null,
	'a route that is not relayed lets nobody pass');
select throws_ok($$select rt_private.relay('no such', tests.u(1), '{}')$$, 'P0002', null, 'nor one that is not there');

select * from finish();
rollback;
