-- chat:join: the calling socket enters the chat's room.
begin;
select plan(8);

insert into platform.users (id, name) values (tests.u(1), 'Anna'), (tests.u(2), 'Boris'), (tests.u(3), 'Stranger');
insert into platform.chats (id) values (tests.u(10));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(1)), (tests.u(10), tests.u(2));
create function pg_temp.chat(n int, p_more jsonb default '{}') returns jsonb
	language sql as $$ select jsonb_build_object('chat_id', tests.u(n)) || p_more $$;

select set_config('bellwire.socket_id', 'sock1', true);

select tests.mark();
select is(rt.chat_join(tests.u(1), pg_temp.chat(10)), jsonb_build_object('status', 'joined', 'chat_id', tests.u(10)),
	'ack of join');
select results_eq($$select control, data from tests.sent()$$,
	$$values ('socket_join', jsonb_build_object('socket_id', 'sock1', 'room', 'chat:' || tests.u(10)))$$,
		'the socket enters the room');
select throws_ok($$select rt.chat_join(tests.u(3), pg_temp.chat(10))$$, 'RT403', 'Not a participant of this chat',
	'a stranger is refused');
select throws_ok($$select rt.chat_join(tests.u(1), pg_temp.chat(99))$$, 'RT404', 'No such chat', 'no such chat');
select throws_ok($$select rt.chat_join(tests.u(1), '{}')$$, 'RT400', 'chat_id must be a uuid', 'chat_id is required');
select throws_ok($$select rt.chat_join(tests.u(1), '{"chat_id": {"a": 1}}')$$, 'RT400', 'chat_id must be a uuid',
	'chat_id is a string');
select throws_ok($$select rt.chat_join(tests.u(1), 'null')$$, 'RT400', 'chat_id must be a uuid', 'no object');
select is(rt.chat_join(tests.u(1), jsonb_build_object('chat_id', upper(tests.u(10)::text))) ->> 'chat_id',
	tests.u(10)::text, 'upper case is the same uuid');

select * from finish();
rollback;
