-- rt.confirm: a message that a recipient's client has taken gets a receipt, once.
begin;
select plan(7);

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
create function pg_temp.told() returns setof text language sql as $$
	select event || ' ' || right(data ->> 'message_id', 2) || ' '
		|| right(coalesce(data ->> 'delivered_to', data ->> 'read_by'), 1) from tests.sent() order by id $$;

-- confirmations
select tests.mark();
select rt.confirm(array[pg_temp.conf(22, 2), pg_temp.conf(21, 3), pg_temp.conf(21, 2), pg_temp.conf(21, 2),
	pg_temp.conf(21, 1), pg_temp.conf(21, 4), pg_temp.conf(21, 98), pg_temp.conf(99, 2),
		'{"confirm": {"other": 1}, "user_id": "x"}', '{"confirm": 5}']);
select results_eq($$select * from pg_temp.told()$$,
	array['chat:message:delivered 21 2', 'chat:message:delivered 21 3', 'chat:message:delivered 22 2'],
	'sorted, each once; not the sender, no stranger, nothing unknown');
select is((select count(*) from platform.message_receipts), 3::bigint, 'three receipts');
select is((select rooms from tests.sent() limit 1), array['user:' || tests.u(1)], 'told to the sender');
select is((select data from tests.sent() limit 1),
	(select jsonb_build_object('message_id', tests.u(21), 'chat_id', tests.u(10), 'delivered_to', tests.u(2),
	'delivered_at', rt_private.iso(delivered_at)) from platform.message_receipts where message_id = tests.u(21)
	and user_id = tests.u(2)), 'payload of delivered');
select tests.mark();
select rt.confirm(array[pg_temp.conf(21, 2)]);
select rt.confirm('{}');
select is((select count(*) from tests.sent()), 0::bigint, 'once per recipient');

-- ids that go down while the places go up
insert into platform.messages (id, chat_id, sender_id, type, content)
select tests.u(400 - n), tests.u(10), tests.u(1), 'text', 'm' from generate_series(1, 20) n;
select tests.mark();
select rt.confirm(array(select pg_temp.conf(400 - n, 2) from generate_series(1, 20) n));
select results_eq($$select right(data ->> 'message_id', 3)::int from tests.sent()$$,
	$$select 400 - n from generate_series(1, 20) n$$, 'a confirm of 20 receipts: in the order of the messages');

-- large chats
update bellwire.settings set value = '2' where name = 'receipts_max_participants';
select tests.mark();
select rt.confirm(array[pg_temp.conf(29, 3), pg_temp.conf(29, 2)]);
select rt.confirm(array[pg_temp.conf(29, 3)]);
select results_eq($$select * from pg_temp.told()$$, array['chat:message:delivered 29 2'],
	'in large chats the first recipient only');

select * from finish();
rollback;
