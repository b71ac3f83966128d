-- chat:leave.
begin;
select plan(3);

insert into platform.users (id, name) values (tests.u(1), 'Anna'), (tests.u(2), 'Boris'), (tests.u(3), 'Stranger');
insert into platform.chats (id) values (tests.u(10));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(1)), (tests.u(10), tests.u(2));
create function pg_temp.chat(n int, p_more jsonb default '{}') returns jsonb
	language sql as $$ select jsonb_build_object('chat_id', tests.u(n)) || p_more $$;

select set_config('bellwire.socket_id', 'sock1', true);

select tests.mark();
select is(rt.chat_leave(tests.u(1), pg_temp.chat(10)), jsonb_build_object('status', 'left', 'chat_id', tests.u(10)),
	'ack of leave');
select results_eq($$select control, data from tests.sent()$$,
	$$values ('socket_leave', jsonb_build_object('socket_id', 'sock1', 'room', 'chat:' || tests.u(10)))$$,
		'the socket leaves the room');
select is(rt.chat_leave(tests.u(3), pg_temp.chat(99)) ->> 'status', 'left', 'also where it never was');

select * from finish();
rollback;
