-- chat:typing: to the room, and no trace.
begin;
select plan(9);

insert into platform.users (id, name) values (tests.u(1), 'Anna'), (tests.u(2), 'Boris'), (tests.u(3), 'Stranger');
insert into platform.chats (id) values (tests.u(10));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(1)), (tests.u(10), tests.u(2));
create function pg_temp.chat(n int, p_more jsonb default '{}') returns jsonb
	language sql as $$ select jsonb_build_object('chat_id', tests.u(n)) || p_more $$;

select set_config('bellwire.socket_id', 'sock1', true);

select tests.mark();
select is(rt.chat_typing(tests.u(1), pg_temp.chat(10, '{"is_typing": true}')), '{"status": "ok"}', 'ack of typing');
select results_eq($$select rooms, except_rooms, event, data, ephemeral from tests.sent()$$,
	$$values (array['chat:' || tests.u(10)], array['sock1'], 'chat:typing',
		jsonb_build_object('chat_id', tests.u(10), 'user_id', tests.u(1), 'user_name', 'Anna', 'is_typing',
			true), true)$$,
	'typing goes to the room but this socket, and leaves no trace');
select tests.mark();
select rt.chat_typing(tests.u(1), pg_temp.chat(10, '{"is_typing": false}'));
select is((select data -> 'is_typing' from tests.sent()), 'false', 'typing ends');
select throws_ok($$select rt.chat_typing(tests.u(1), pg_temp.chat(10, '{"is_typing": "yes"}'))$$, 'RT400',
	'is_typing must be a boolean', 'is_typing is a boolean');
select throws_ok($$select rt.chat_typing(tests.u(1), pg_temp.chat(10))$$, 'RT400', 'is_typing must be a boolean',
	'is_typing is required');
select throws_ok($$select rt.chat_typing(tests.u(3), pg_temp.chat(10, '{"is_typing": true}'))$$, 'RT403', null,
	'typing: a stranger is refused');
select throws_ok($$select rt.chat_typing(tests.u(1), pg_temp.chat(99, '{"is_typing": true}'))$$, 'RT404', null,
	'typing: no such chat');
select set_config('bellwire.socket_id', '', true);
select tests.mark();
select lives_ok($$select rt.chat_typing(tests.u(1), pg_temp.chat(10, '{"is_typing": true}'))$$,
	'outside a client event');
select is((select except_rooms from tests.sent()), '{}', 'nobody is left out');

select * from finish();
rollback;
