-- Several chat:message:send of a batch in one call: the same as one by one, or nothing.
begin;
select plan(36);

select tests.users(1, 3);
select tests.chat(10, 1, 2), tests.chat(11, 1);
update platform.users set avatar_url = 'https://example.com/b.png' where id = tests.u(2);

create function pg_temp.payload(p_chat int, p_more jsonb default '{}') returns jsonb language sql as $$
	select jsonb_build_object('chat_id', tests.u(p_chat), 'type', 'text', 'content', 'hi') || p_more $$;
create function pg_temp.many(p_users int[], variadic p_payloads jsonb[]) returns jsonb[] language sql as $$
	select rt_private.chat_message_send_many(array(select tests.u(n) from unnest(p_users) with ordinality u (n, o)
		order by o), p_payloads) $$;
create function pg_temp.plain(p jsonb) returns jsonb
	language sql as $$ select p - 'id' - 'message_id' - 'created_at' - 'seq' $$;

-- the results
select tests.mark();
select pg_temp.many(array[1, 2, 1, 1], pg_temp.payload(10, '{"content": "a"}'),
	pg_temp.payload(10, '{"content": "b", "metadata": {"k": 1}}'),
	pg_temp.payload(11, '{"content": "c", "client_id": "c-1"}'),
		pg_temp.payload(10, '{"content": "d", "client_id": null, "metadata": null}')) as acks \gset
select results_eq(format($$select m.content, m.seq::int, right(m.sender_id::text, 1), m.client_id, m.metadata
	from unnest(%L::jsonb[]) with ordinality a (ack, n)
	join platform.messages m on m.id = (a.ack ->> 'message_id')::uuid order by n$$, :'acks'),
	$$values ('a', 1, '1', null, '{}'::jsonb), ('b', 2, '2', null, '{"k": 1}'), ('c', 1, '1', 'c-1', '{}'),
		('d', 3, '1', null, '{}')$$, 'rows, in the order of the events');
select results_eq(format($$select a.ack from unnest(%L::jsonb[]) with ordinality a (ack, n) order by n$$, :'acks'),
	format($$select rt_private.chat_message_ack(m.id, m.created_at, m.client_id)
		from unnest(%L::jsonb[]) with ordinality a (ack, n)
		join platform.messages m on m.id = (a.ack ->> 'message_id')::uuid order by n$$, :'acks'),
		'an ack each');
select results_eq($$select s.event, s.rooms, s.data ->> 'content', s.control, s.ephemeral from tests.sent() s
	order by s.id$$,
	$$select 'chat:message:new', array['participants:' || tests.u(c)], t, null::text, false
		from (values (10, 'a'), (10, 'b'), (11, 'c'), (10, 'd')) v (c, t)$$, 'one event each, in their order');
select is_empty($$select from tests.sent() s where s.confirm is distinct
	from jsonb_build_object('message_id', s.data -> 'id')$$, 'with what confirms it');
select is((select count(*) from bellwire.outbox o where o.xid = pg_current_xact_id() and o.event = 'chat:message:new'),
	4::bigint, 'and no other');

-- the same as one by one
select tests.mark();
select rt.chat_message_send(tests.u(2),
	pg_temp.payload(10, '{"metadata": {"k": [1, null]}, "client_id": "one"}')) as one \gset
select pg_temp.many(array[2, 2], pg_temp.payload(10, '{"metadata": {"k": [1, null]}, "client_id": "two"}'),
	pg_temp.payload(10, '{"metadata": {"k": [1, null]}, "client_id": "three"}')) as acks \gset
select is((select array_agg(distinct pg_temp.plain(a) - 'client_id')
	from unnest(array[:'one'::jsonb] || :'acks'::jsonb[]) a), array['{"status": "sent"}'::jsonb], 'ack');
select is((select count(distinct pg_temp.plain(data)) from tests.sent()), 1::bigint, 'event');
select is((select count(distinct rooms) from tests.sent()), 1::bigint, 'rooms');
update bellwire.settings set value = 'joined' where name = 'message_audience';
select tests.mark();
select pg_temp.many(array[1, 1], pg_temp.payload(10), pg_temp.payload(11)) as acks \gset
select results_eq('select rooms from tests.sent() order by id', $$values (array['chat:' || tests.u(10)]),
	(array['chat:' || tests.u(11)])$$, 'message_audience');
update bellwire.settings set value = 'participants' where name = 'message_audience';

-- unusual batches
select is(pg_temp.many(array[1, 1], pg_temp.payload(10), pg_temp.payload(10, v)), null, 'not together: ' || v::text)
from unnest(array['{"chat_id": 5}', '{"chat_id": "x"}', '{"chat_id": null}', '{"type": 7}', '{"content": null}',
	'{"content": {}}', '{"client_id": 7}', '{"client_id": []}']::jsonb[]) v;
select tests.mark();
select throws_ok(format('select pg_temp.many(array[1, 1], pg_temp.payload(10), pg_temp.payload(%s, %L))', c, v), s,
	null, s || ': ' || v)
from (values (10, '{"content": " "}', 'RT400'), (10, '{"type": "x"}', 'RT400'), (10, '{"client_id": ""}', 'RT400'),
	(99, '{}', 'RT404'),
	(10, '{"metadata": []}', 'RT400'), (10, jsonb_build_object('content', repeat('x', 16385))::text, 'RT413'),
	(10, '{"client_id": "c-1"}', '23505')) t (c, v, s);
select throws_ok('select pg_temp.many(array[1, 3], pg_temp.payload(10), pg_temp.payload(10))', 'RT403', null,
	'a stranger');
select throws_ok($$select pg_temp.many(array[1, 1], pg_temp.payload(10, '{"client_id": "twice"}'),
	pg_temp.payload(10, '{"client_id": "twice"}'))$$, '23505', null, 'a client_id twice');
select is_empty('select from tests.sent()', 'nothing of these is announced');
select tests.mark();
insert into platform.messages (chat_id, sender_id, type, content) values (tests.u(10), tests.u(1), 'text', 'alone');
select is((select count(*) from tests.sent()), 1::bigint, 'what is written otherwise, afterwards, is');

-- in a batch: each its own ack, whatever the others are
create function pg_temp.outcomes(variadic p_items text[]) returns text language sql as $$
	select string_agg(concat_ws(' ', d.ord, d.outcome, d.code, d.body::jsonb ->> 'client_id'), ', ' order by d.ord)
		from rt.dispatch(p_items) d where d.ord > 0 $$;
select is(pg_temp.outcomes(tests.item('chat:message:send', 1, 's1', pg_temp.payload(10, '{"client_id": "b1"}')),
	tests.item('chat:message:send', 2, 's2', pg_temp.payload(10, '{"client_id": "b1"}')),
	tests.item('chat:typing', 1, 's1', '{"chat_id": "00000000-0000-4000-8000-000000000010", "is_typing": true}'),
	tests.item('chat:message:send', 1, 's1', pg_temp.payload(11, '{"client_id": "b2"}'))),
		'1 ok b1, 2 ok b1, 3 ok, 4 ok b2', 'all well');
select is(pg_temp.outcomes(tests.item('chat:message:send', 1, 's1', pg_temp.payload(10, '{"client_id": "b1"}')),
	tests.item('chat:message:send', 3, 's3', pg_temp.payload(10)),
	tests.item('chat:message:send', 1, 's1', pg_temp.payload(10, '{"client_id": "b3"}'))),
		'1 ok b1, 2 error FORBIDDEN, 3 ok b3', 'a repeated one, a stranger, a good one');
select is((select count(*) from platform.messages where client_id in ('b1', 'b2', 'b3')), 4::bigint, 'each once');

-- a trigger that answers with a message is heard, in its place
create function tests.answer() returns trigger language plpgsql as $$
begin
	if new.content = 'ping' then
		insert into platform.messages (chat_id, sender_id, type, content)
			values (new.chat_id, tests.u(2), 'text', 'pong');
	end if;
	return null;
end $$;
create trigger zz_answer after insert on platform.messages for each row execute function tests.answer();
select tests.mark();
select is(pg_temp.outcomes(tests.item('chat:message:send', 1, 's1', pg_temp.payload(10, '{"content": "ping"}')),
	tests.item('chat:message:send', 1, 's1', pg_temp.payload(10))), '1 ok, 2 ok',
		'a trigger that answers a message');
select results_eq($$select s.data ->> 'content' from tests.sent() s order by s.id$$, $$values ('ping'), ('pong'),
	('hi')$$, 'is heard between the others');
select is((select count(*) from tests.sent() s join platform.messages m on m.id = (s.data ->> 'id')::uuid), 3::bigint,
	'each of them a row');
drop trigger zz_answer on platform.messages;

-- the word that keeps the trigger silent is an edge's alone
create role bellwire_test_writer login in role bellwire_service;
grant usage on schema platform, tests to bellwire_test_writer;
grant insert on platform.messages to bellwire_test_writer;
set session authorization bellwire_test_writer;
select set_config('bellwire.together', pg_current_xact_id()::text, true);
insert into platform.messages (chat_id, sender_id, type, content)
	values (tests.u(10), tests.u(1), 'text', 'not silent');
reset session authorization;
select is((select count(*) from bellwire.outbox o where o.xid = pg_current_xact_id()
	and o.data ->> 'content' = 'not silent'), 1::bigint, 'a service that says so is heard all the same');

-- nor is anything said twice where a role that is no edge's may call rt.dispatch
grant usage on schema rt to bellwire_test_writer;
grant execute on function rt.dispatch(text[]) to bellwire_test_writer;
select tests.mark();
set session authorization bellwire_test_writer;
select from rt.dispatch(array[tests.item('chat:message:send', 1, 's1',
	jsonb_build_object('chat_id', tests.u(10), 'type', 'text', 'content', 'a')),
	tests.item('chat:message:send', 1, 's1',
		jsonb_build_object('chat_id', tests.u(10), 'type', 'text', 'content', 'b'))]);
reset session authorization;
select results_eq($$select s.data ->> 'content' from tests.sent() s order by s.id$$, $$values ('a'), ('b')$$,
	'another role that was let in: each once');

select * from finish();
rollback;
