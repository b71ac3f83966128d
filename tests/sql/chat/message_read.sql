-- chat:message:read: the first read counts.
begin;
select plan(16);

insert into platform.users (id, name) values (tests.u(1), 'Anna'), (tests.u(2), 'Boris'), (tests.u(3), 'Clara'),
	(tests.u(4), 'Stranger');
insert into platform.chats (id) values (tests.u(10)), (tests.u(11));
insert into platform.chat_participants (chat_id, user_id)
values (tests.u(10), tests.u(1)), (tests.u(10), tests.u(2)), (tests.u(10), tests.u(3)), (tests.u(11), tests.u(4));
insert into platform.messages (id, chat_id, sender_id, type, content)
select tests.u(n), tests.u(10), tests.u(1), 'text', 'm' || n from generate_series(21, 29) n;
create function pg_temp.conf(p_message int, p_user int) returns jsonb language sql as $$
	select jsonb_build_object('confirm', jsonb_build_object('message_id', tests.u(p_message)), 'user_id',
		tests.u(p_user)) $$;
create function pg_temp.rd(p_user int, p_message int, p_chat int default 10) returns jsonb language sql as $$
	select rt.chat_message_read(tests.u(p_user),
		jsonb_build_object('message_id', tests.u(p_message), 'chat_id', tests.u(p_chat))) $$;
create function pg_temp.told() returns setof text language sql as $$
	select event || ' ' || right(data ->> 'message_id', 2) || ' '
		|| right(coalesce(data ->> 'delivered_to', data ->> 'read_by'), 1) from tests.sent() order by id $$;
select tests.mark();
select pg_temp.rd(2, 21) as ack \gset
select is(:'ack'::jsonb,
	(select jsonb_build_object('message_id', tests.u(21), 'chat_id', tests.u(10), 'read_by', tests.u(2), 'read_at',
	rt_private.iso(read_at))
	from platform.message_receipts where message_id = tests.u(21) and user_id = tests.u(2)), 'ack of read');
select results_eq($$select event, rooms, data from tests.sent()$$,
	format($$values ('chat:message:read', array['user:' || tests.u(1)], %L::jsonb)$$, :'ack'),
	'read is told to the sender, as the ack');
select tests.mark();
select is(pg_temp.rd(2, 21), :'ack'::jsonb, 'again: the first read counts');
select is((select count(*) from tests.sent()), 0::bigint, 'and announces nothing');
select pg_temp.rd(2, 23);
select results_eq($$select * from pg_temp.told()$$, array['chat:message:read 23 2'],
	'read without delivery: one event');
select ok(delivered_at is not null, 'and it counts as delivered') from platform.message_receipts
	where message_id = tests.u(23);
select tests.mark();
select rt.confirm(array[pg_temp.conf(23, 2)]);
select is(pg_temp.rd(1, 21),
	jsonb_build_object('message_id', tests.u(21), 'chat_id', tests.u(10), 'read_by', tests.u(1), 'read_at', null),
	'one''s own message: acked');
select is((select count(*) from tests.sent()), 0::bigint, 'and nothing happens');
select is((select count(*) from platform.message_receipts where user_id = tests.u(1)), 0::bigint, 'no row');
select throws_ok($$select pg_temp.rd(2, 99)$$, 'RT403', 'No such message in this chat',
	'a missing message is forbidden');
select throws_ok($$select pg_temp.rd(4, 21)$$, 'RT403', 'Not a participant of this chat', 'a stranger is refused');
select throws_ok($$select pg_temp.rd(4, 21, 11)$$, 'RT403', 'No such message in this chat',
	'another chat''s message too');
select throws_ok($$select pg_temp.rd(2, 21, 99)$$, 'RT404', 'No such chat', 'no such chat');
select throws_ok($$select rt.chat_message_read(tests.u(2), '{"chat_id": "00000000-0000-4000-8000-000000000010"}')$$,
	'RT400', 'message_id must be a uuid', 'message_id is required');

-- a receipt that somebody's trigger keeps from being written, and one that lies there empty
create function tests.never() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger aa_never before insert on platform.message_receipts for each row execute function tests.never();
select is(pg_temp.rd(2, 24) -> 'read_at', 'null', 'a trigger that writes no receipt: not read, and no wait for ever');
drop trigger aa_never on platform.message_receipts;
insert into platform.message_receipts (message_id, user_id) values (tests.u(24), tests.u(2));
select tests.mark();
select pg_temp.rd(2, 24);
select results_eq($$select * from pg_temp.told()$$, array['chat:message:read 24 2'], 'an empty receipt is read');

select * from finish();
rollback;
