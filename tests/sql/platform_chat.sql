-- chat:join, chat:leave, chat:typing.
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

insert into platform.users (id, name) values (pg_temp.u(1), 'Anna'), (pg_temp.u(2), 'Boris'), (pg_temp.u(3), 'Stranger');
insert into platform.chats (id) values (pg_temp.u(10));
insert into platform.chat_participants (chat_id, user_id) values (pg_temp.u(10), pg_temp.u(1)), (pg_temp.u(10), pg_temp.u(2));
create function pg_temp.chat(n int, p_more jsonb default '{}') returns jsonb language sql as $$ select jsonb_build_object('chat_id', pg_temp.u(n)) || p_more $$;

select set_config('bellwire.socket_id', 'sock1', true);

-- join
select pg_temp.mark();
select is(rt.chat_join(pg_temp.u(1), pg_temp.chat(10)), jsonb_build_object('status', 'joined', 'chat_id', pg_temp.u(10)), 'ack of join');
select results_eq($$select control, data from pg_temp.sent()$$,
	$$values ('socket_join', jsonb_build_object('socket_id', 'sock1', 'room', 'chat:' || pg_temp.u(10)))$$, 'the socket enters the room');
select throws_ok($$select rt.chat_join(pg_temp.u(3), pg_temp.chat(10))$$, 'RT403', 'Not a participant of this chat', 'a stranger is refused');
select throws_ok($$select rt.chat_join(pg_temp.u(1), pg_temp.chat(99))$$, 'RT404', 'No such chat', 'no such chat');
select throws_ok($$select rt.chat_join(pg_temp.u(1), '{}')$$, 'RT400', 'chat_id must be a uuid', 'chat_id is required');
select throws_ok($$select rt.chat_join(pg_temp.u(1), '{"chat_id": {"a": 1}}')$$, 'RT400', 'chat_id must be a uuid', 'chat_id is a string');
select throws_ok($$select rt.chat_join(pg_temp.u(1), 'null')$$, 'RT400', 'chat_id must be a uuid', 'no object');
select is(rt.chat_join(pg_temp.u(1), jsonb_build_object('chat_id', upper(pg_temp.u(10)::text))) ->> 'chat_id', pg_temp.u(10)::text, 'upper case is the same uuid');

-- leave
select pg_temp.mark();
select is(rt.chat_leave(pg_temp.u(1), pg_temp.chat(10)), jsonb_build_object('status', 'left', 'chat_id', pg_temp.u(10)), 'ack of leave');
select results_eq($$select control, data from pg_temp.sent()$$,
	$$values ('socket_leave', jsonb_build_object('socket_id', 'sock1', 'room', 'chat:' || pg_temp.u(10)))$$, 'the socket leaves the room');
select is(rt.chat_leave(pg_temp.u(3), pg_temp.chat(99)) ->> 'status', 'left', 'also where it never was');

-- typing
select pg_temp.mark();
select is(rt.chat_typing(pg_temp.u(1), pg_temp.chat(10, '{"is_typing": true}')), '{"status": "ok"}', 'ack of typing');
select results_eq($$select rooms, except_rooms, event, data, ephemeral from pg_temp.sent()$$,
	$$values (array['chat:' || pg_temp.u(10)], array['sock1'], 'chat:typing',
		jsonb_build_object('chat_id', pg_temp.u(10), 'user_id', pg_temp.u(1), 'user_name', 'Anna', 'is_typing', true), true)$$,
	'typing goes to the room but this socket, and leaves no trace');
select pg_temp.mark();
select rt.chat_typing(pg_temp.u(1), pg_temp.chat(10, '{"is_typing": false}'));
select is((select data -> 'is_typing' from pg_temp.sent()), 'false', 'typing ends');
select throws_ok($$select rt.chat_typing(pg_temp.u(1), pg_temp.chat(10, '{"is_typing": "yes"}'))$$, 'RT400', 'is_typing must be a boolean', 'is_typing is a boolean');
select throws_ok($$select rt.chat_typing(pg_temp.u(1), pg_temp.chat(10))$$, 'RT400', 'is_typing must be a boolean', 'is_typing is required');
select throws_ok($$select rt.chat_typing(pg_temp.u(3), pg_temp.chat(10, '{"is_typing": true}'))$$, 'RT403', null, 'typing: a stranger is refused');
select throws_ok($$select rt.chat_typing(pg_temp.u(1), pg_temp.chat(99, '{"is_typing": true}'))$$, 'RT404', null, 'typing: no such chat');
select set_config('bellwire.socket_id', '', true);
select pg_temp.mark();
select lives_ok($$select rt.chat_typing(pg_temp.u(1), pg_temp.chat(10, '{"is_typing": true}'))$$, 'outside a client event');
select is((select except_rooms from pg_temp.sent()), '{}', 'nobody is left out');

select results_eq($$select event, function, lock_key, repeatable, ephemeral from bellwire.routes where event like 'chat:%' order by event collate "C"$$,
	$$values ('chat:join', 'rt.chat_join', 'chat_id', 'always', false), ('chat:leave', 'rt.chat_leave', null, 'always', false),
		('chat:message:read', 'rt.chat_message_read', null, 'always', false),
		('chat:message:send', 'rt.chat_message_send', 'chat_id', 'by key', false), ('chat:typing', 'rt.chat_typing', null, 'always', true)$$, 'routes');

select * from finish();
rollback;
