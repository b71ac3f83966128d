-- chat:message:send.
begin;
select plan(23);

insert into platform.users (id, name) values (tests.u(1), 'Anna'), (tests.u(2), 'Boris'), (tests.u(3), 'Stranger');
insert into platform.chats (id) values (tests.u(10)), (tests.u(11));
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(1)), (tests.u(10), tests.u(2)),
	(tests.u(11), tests.u(1));

create function pg_temp.send(p_user int, p_payload jsonb) returns jsonb language sql as $$
	select rt.chat_message_send(tests.u(p_user),
		'{"chat_id": "00000000-0000-4000-8000-000000000010", "type": "text", "content": "hi"}'::jsonb
		|| p_payload) $$;
select tests.mark();
select pg_temp.send(1, '{}') as ack \gset
select is((select array_agg(k order by k) from jsonb_object_keys(:'ack'::jsonb) k),
	array['created_at', 'message_id', 'status'], 'keys of the ack');
select is(:'ack'::jsonb ->> 'status', 'sent', 'sent');
select is((select rt_private.iso(created_at) from platform.messages where id = (:'ack'::jsonb ->> 'message_id')::uuid),
	:'ack'::jsonb ->> 'created_at', 'the row is there');
select pg_temp.send(1, '{"client_id": "c-1"}') as ack \gset
select is(:'ack'::jsonb ->> 'client_id', 'c-1', 'client_id comes back');
select tests.mark();
select is(pg_temp.send(1, '{"client_id": "c-1"}'), :'ack'::jsonb, 'again: the same ack');
select is(pg_temp.send(1, '{"client_id": "c-1", "chat_id": 5, "type": "x", "content": ""}'), :'ack'::jsonb,
	'whatever else changed');
select is((select count(*) from tests.sent()), 0::bigint, 'and no second announcement');
select isnt(pg_temp.send(2, '{"client_id": "c-1"}') ->> 'message_id', :'ack'::jsonb ->> 'message_id',
	'client_id is the sender''s own');
select throws_ok(format($$insert into platform.messages (chat_id, sender_id, type, content, client_id)
	values (%L, %L, 'text', 'x', 'c-1')$$, tests.u(10), tests.u(1)), '23505', null, 'unique for every writer');
select lives_ok($$select pg_temp.send(1, jsonb_build_object('client_id', repeat('я', 64)))$$, '64 characters');
select lives_ok($$select pg_temp.send(1, '{"client_id": null, "metadata": null}')$$, 'null is absent');
select throws_ok($$select pg_temp.send(1, jsonb_build_object('client_id', repeat('x', 65)))$$, 'RT400', null,
	'65 are too many');
select throws_ok($$select pg_temp.send(1, '{"client_id": ""}')$$, 'RT400', null, 'none is too few');
select throws_ok($$select pg_temp.send(1, '{"client_id": 7}')$$, 'RT400', null, 'client_id is a string');
select throws_ok($$select pg_temp.send(1, '{"content": 7}')$$, 'RT400', 'content must be a string',
	'content is a string');
select throws_ok($$select pg_temp.send(1, '{"type": null}')$$, 'RT400', 'type must be a string', 'type is a string');
select throws_ok($$select pg_temp.send(1, '{"metadata": [1]}')$$, 'RT400', 'metadata must be an object',
	'metadata is an object');
select throws_ok($$select pg_temp.send(1, '{"chat_id": "x"}')$$, 'RT400', 'chat_id must be a uuid',
	'chat_id is a uuid');
select throws_ok($$select rt.chat_message_send(tests.u(1), '[]')$$, 'RT400', 'chat_id must be a uuid', 'not an object');
select throws_ok($$select pg_temp.send(3, '{}')$$, 'RT403', 'Not a participant of this chat',
	'send: a stranger is refused');
select throws_ok($$select pg_temp.send(1, '{"chat_id": "00000000-0000-4000-8000-000000000099"}')$$, 'RT404',
	'No such chat', 'send: no such chat');
select throws_ok($$select pg_temp.send(1, jsonb_build_object('content', repeat('x', 16385)))$$, 'RT413', null,
	'send: too large');
delete from platform.chat_participants where user_id = tests.u(1) and chat_id = tests.u(10);
select is(pg_temp.send(1, '{"client_id": "c-1"}'), :'ack'::jsonb, 'even after one has left');

select * from finish();
rollback;
