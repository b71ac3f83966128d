-- Delivered and read: rt.confirm, chat:message:read, and receipts written by others.
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

insert into platform.users (id, name) values (pg_temp.u(1), 'Anna'), (pg_temp.u(2), 'Boris'), (pg_temp.u(3), 'Clara'), (pg_temp.u(4), 'Stranger');
insert into platform.chats (id) values (pg_temp.u(10)), (pg_temp.u(11));
insert into platform.chat_participants (chat_id, user_id)
values (pg_temp.u(10), pg_temp.u(1)), (pg_temp.u(10), pg_temp.u(2)), (pg_temp.u(10), pg_temp.u(3)), (pg_temp.u(11), pg_temp.u(4));
insert into platform.messages (id, chat_id, sender_id, type, content)
select pg_temp.u(n), pg_temp.u(10), pg_temp.u(1), 'text', 'm' || n from generate_series(21, 29) n;
create function pg_temp.conf(p_message int, p_user int) returns jsonb language sql as $$
	select jsonb_build_object('confirm', jsonb_build_object('message_id', pg_temp.u(p_message)), 'user_id', pg_temp.u(p_user)) $$;
create function pg_temp.rd(p_user int, p_message int, p_chat int default 10) returns jsonb language sql as $$
	select rt.chat_message_read(pg_temp.u(p_user), jsonb_build_object('message_id', pg_temp.u(p_message), 'chat_id', pg_temp.u(p_chat))) $$;
create function pg_temp.told() returns setof text language sql as $$
	select event || ' ' || right(data ->> 'message_id', 2) || ' ' || right(coalesce(data ->> 'delivered_to', data ->> 'read_by'), 1) from pg_temp.sent() order by id $$;

-- confirmations
select pg_temp.mark();
select rt.confirm(array[pg_temp.conf(22, 2), pg_temp.conf(21, 3), pg_temp.conf(21, 2), pg_temp.conf(21, 2),
	pg_temp.conf(21, 1), pg_temp.conf(21, 4), pg_temp.conf(21, 98), pg_temp.conf(99, 2), '{"confirm": {"other": 1}, "user_id": "x"}', '{"confirm": 5}']);
select results_eq($$select * from pg_temp.told()$$,
	array['chat:message:delivered 21 2', 'chat:message:delivered 21 3', 'chat:message:delivered 22 2'],
	'sorted, each once; not the sender, no stranger, nothing unknown');
select is((select count(*) from platform.message_receipts), 3::bigint, 'three receipts');
select is((select rooms from pg_temp.sent() limit 1), array['user:' || pg_temp.u(1)], 'told to the sender');
select is((select data from pg_temp.sent() limit 1), (select jsonb_build_object('message_id', pg_temp.u(21), 'chat_id', pg_temp.u(10), 'delivered_to', pg_temp.u(2),
	'delivered_at', rt_private.iso(delivered_at)) from platform.message_receipts where message_id = pg_temp.u(21) and user_id = pg_temp.u(2)), 'payload of delivered');
select pg_temp.mark();
select rt.confirm(array[pg_temp.conf(21, 2)]);
select rt.confirm('{}');
select is((select count(*) from pg_temp.sent()), 0::bigint, 'once per recipient');

-- read
select pg_temp.mark();
select pg_temp.rd(2, 21) as ack \gset
select is(:'ack'::jsonb, (select jsonb_build_object('message_id', pg_temp.u(21), 'chat_id', pg_temp.u(10), 'read_by', pg_temp.u(2), 'read_at', rt_private.iso(read_at))
	from platform.message_receipts where message_id = pg_temp.u(21) and user_id = pg_temp.u(2)), 'ack of read');
select results_eq($$select event, rooms, data from pg_temp.sent()$$, format($$values ('chat:message:read', array['user:' || pg_temp.u(1)], %L::jsonb)$$, :'ack'), 'read is told to the sender, as the ack');
select pg_temp.mark();
select is(pg_temp.rd(2, 21), :'ack'::jsonb, 'again: the first read counts');
select is((select count(*) from pg_temp.sent()), 0::bigint, 'and announces nothing');
select pg_temp.rd(2, 23);
select results_eq($$select * from pg_temp.told()$$, array['chat:message:read 23 2'], 'read without delivery: one event');
select ok(delivered_at is not null, 'and it counts as delivered') from platform.message_receipts where message_id = pg_temp.u(23);
select pg_temp.mark();
select rt.confirm(array[pg_temp.conf(23, 2)]);
select is(pg_temp.rd(1, 21), jsonb_build_object('message_id', pg_temp.u(21), 'chat_id', pg_temp.u(10), 'read_by', pg_temp.u(1), 'read_at', null), 'one''s own message: acked');
select is((select count(*) from pg_temp.sent()), 0::bigint, 'and nothing happens');
select is((select count(*) from platform.message_receipts where user_id = pg_temp.u(1)), 0::bigint, 'no row');
select throws_ok($$select pg_temp.rd(2, 99)$$, 'RT403', 'No such message in this chat', 'a missing message is forbidden');
select throws_ok($$select pg_temp.rd(4, 21)$$, 'RT403', 'Not a participant of this chat', 'a stranger is refused');
select throws_ok($$select pg_temp.rd(4, 21, 11)$$, 'RT403', 'No such message in this chat', 'another chat''s message too');
select throws_ok($$select pg_temp.rd(2, 21, 99)$$, 'RT404', 'No such chat', 'no such chat');
select throws_ok($$select rt.chat_message_read(pg_temp.u(2), '{"chat_id": "00000000-0000-4000-8000-000000000010"}')$$, 'RT400', 'message_id must be a uuid', 'message_id is required');

-- by whoever
select pg_temp.mark();
insert into platform.message_receipts (message_id, user_id) values (pg_temp.u(24), pg_temp.u(2)), (pg_temp.u(24), pg_temp.u(3));
select is((select count(*) from pg_temp.sent()), 0::bigint, 'an empty receipt says nothing');
update platform.message_receipts set delivered_at = now() where message_id = pg_temp.u(24);
update platform.message_receipts set read_at = now() where message_id = pg_temp.u(24) and user_id = pg_temp.u(3);
update platform.message_receipts set delivered_at = now() + interval '1 day', read_at = now() + interval '1 day' where message_id = pg_temp.u(24) and user_id = pg_temp.u(3);
select results_eq($$select * from pg_temp.told()$$,
	array['chat:message:delivered 24 2', 'chat:message:delivered 24 3', 'chat:message:read 24 3'], 'updates are announced when they set a time');
select is((select (delivered_at, read_at) from platform.message_receipts where message_id = pg_temp.u(24) and user_id = pg_temp.u(3)), (now(), now()), 'the first time counts');
select pg_temp.mark();
insert into platform.message_receipts (message_id, user_id, delivered_at, read_at) values (pg_temp.u(25), pg_temp.u(2), now(), now());
select results_eq($$select * from pg_temp.told()$$, array['chat:message:delivered 25 2', 'chat:message:read 25 2'], 'both at once: both');
select pg_temp.mark();
insert into platform.message_receipts (message_id, user_id, read_at) values (pg_temp.u(26), pg_temp.u(2), now());
insert into platform.message_receipts (message_id, user_id) values (pg_temp.u(27), pg_temp.u(2));
update platform.message_receipts set read_at = now() where message_id = pg_temp.u(27);
select results_eq($$select * from pg_temp.told()$$, array['chat:message:read 26 2', 'chat:message:read 27 2'], 'only read: delivered silently');
select throws_ok($$insert into platform.message_receipts (message_id, user_id, read_at) values (pg_temp.u(28), pg_temp.u(1), now())$$, 'RT400', null, 'no receipt of one''s own message');
select throws_ok($$insert into platform.message_receipts (message_id, user_id, read_at) values (pg_temp.u(28), pg_temp.u(4), now())$$, 'RT403', null, 'nor of a stranger');
select throws_ok($$update platform.message_receipts set user_id = pg_temp.u(3) where message_id = pg_temp.u(25)$$, 'RT400', null, 'a receipt does not move');

-- large chats
update bellwire.settings set value = '2' where name = 'receipts_max_participants';
select pg_temp.mark();
select rt.confirm(array[pg_temp.conf(29, 3), pg_temp.conf(29, 2)]);
select rt.confirm(array[pg_temp.conf(29, 3)]);
select results_eq($$select * from pg_temp.told()$$, array['chat:message:delivered 29 2'], 'in large chats the first recipient only');

-- silent
set local bellwire.silent = on;
select pg_temp.mark();
insert into platform.message_receipts (message_id, user_id, read_at) values (pg_temp.u(28), pg_temp.u(4), now());
select is((select count(*) from pg_temp.sent() where event is not null), 0::bigint, 'an import says nothing');

select * from finish();
rollback;
