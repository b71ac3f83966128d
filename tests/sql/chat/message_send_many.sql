-- Several chat:message:send of a batch in one call: the same as one by one, or nothing.
-- Postgres inlines rt_private.chat_last and rt_private.is_together (is_marked), which it shares with the trigger of one
-- message.
begin;
select plan(44);

-- A trigger of somebody else's makes the messages be numbered one by one: none of ours may look like one.
select is((select array_agg(tgname::text order by tgname) from pg_trigger
	where tgrelid = 'platform.messages'::regclass and tgtype & 6 = 6), '{messages_insert,replicated}',
	'the triggers that it knows, and no other');

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
	from jsonb_build_object('message_id', s.data -> 'id', 'wanted', 'all')$$, 'with what confirms it');
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

-- a trigger that changes rows before they are written: each is checked and numbered after it
create function tests.shout() returns trigger language plpgsql as $$
begin
	new.content := case new.content when 'nothing' then ' ' else upper(new.content) end;
	return new;
end $$;
create trigger aa_shout before insert on platform.messages for each row execute function tests.shout();
select pg_temp.many(array[1, 2], pg_temp.payload(10, '{"content": "loud"}'), pg_temp.payload(10, '{"content": "er"}'));
select results_eq($$select m.content, m.seq - max(m.seq) over () from platform.messages m
	where m.chat_id = tests.u(10) order by m.seq desc limit 2$$, $$values ('ER', 0::bigint), ('LOUD', -1)$$,
	'what a trigger changes is written and numbered');
select throws_ok($$select pg_temp.many(array[1, 1], pg_temp.payload(10),
	pg_temp.payload(10, '{"content": "nothing"}'))$$, 'RT400', null, 'and checked');
drop trigger aa_shout on platform.messages;

-- a place is given once here too
delete from platform.messages where chat_id = tests.u(11);
select seq as gone from bellwire.places where chat_id = tests.u(11) \gset
select pg_temp.many(array[1, 1], pg_temp.payload(11), pg_temp.payload(11));
select is((select array_agg(seq order by seq) from platform.messages where chat_id = tests.u(11)),
	array[:gone + 1, :gone + 2]::bigint[], 'places of messages that were deleted are not given again');

-- thirty-two by chance, in one call and each alone: the same rows and events
select tests.chat(20, 1, 2), tests.chat(21, 1, 2), tests.chat(30, 1, 2), tests.chat(31, 1, 2);
select setseed(0.5);
create temp table chance as
select n, 1 + (random() * 1)::int as who, (random() * 1)::int as chat, random() < 0.5 as known,
	jsonb_build_object('type', case when random() < 0.8 then 'text' else 'photo' end,
		'content', 'https://example.com/' || md5(random()::text)) || case (random() * 3)::int when 0 then '{}'
		when 1 then '{"metadata": null}' when 2 then '{"metadata": {"k": [1, {"a": null}]}}'
		else '{"metadata": {}, "more": 1}' end::jsonb as payload
from generate_series(1, 32) n;
create function pg_temp.chance(p_chat int) returns table (who int, payload jsonb) language sql as $$
	select c.who, c.payload || jsonb_build_object('chat_id', tests.u(p_chat + c.chat))
		|| case when c.known then jsonb_build_object('client_id', concat_ws(' ', 'chance', p_chat, c.n))
			else '{}' end
	from chance c order by c.n $$;
create function pg_temp.written(p_chat int) returns setof text language sql as $$
	select concat_ws(' ', m.chat_id = tests.u(p_chat), m.seq, m.sender_id, m.type, m.content,
		m.metadata, split_part(m.client_id, ' ', 3), s.rooms = array['participants:' || m.chat_id],
		s.confirm ->> 'message_id' = m.id::text,
		s.data - 'id' - 'chat_id' - 'created_at', s.data ->> 'created_at' = rt_private.iso(m.created_at))
	from tests.sent() s join platform.messages m on m.id = (s.data ->> 'id')::uuid
	where m.chat_id in (tests.u(p_chat), tests.u(p_chat + 1)) order by s.id $$;
select tests.mark();
select from pg_temp.chance(30) c, rt.dispatch_lone('chat:message:send', tests.u(c.who), 's', c.payload::text);
select rt_private.chat_message_send_many(array_agg(tests.u(c.who)), array_agg(c.payload)) is not null as together
from pg_temp.chance(20) c \gset
select ok(:'together', 'thirty-two by chance go together');
select results_eq('select pg_temp.written(20)', 'select pg_temp.written(30)', 'and are what they are one by one');
select is((select count(*) from pg_temp.written(20)), 32::bigint, 'all of them');

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

-- with our triggers alone the statement numbers the messages, and the trigger of one message has nothing to do
create or replace function rt_private.messages_insert() returns trigger language plpgsql as $$
begin
	if new.seq is null then
		raise 'numbered one by one';
	end if;
	return new;
end $$;
select lives_ok($$select pg_temp.many(array[1, 1], pg_temp.payload(10), pg_temp.payload(10))$$,
	'none of our own triggers makes them be numbered one by one');

select * from finish();
rollback;
