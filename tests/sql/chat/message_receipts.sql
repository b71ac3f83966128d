-- platform.message_receipts: times that anybody sets are told to the sender, once. receipts_first,
-- receipts_first_update, receipts_publish_insert, receipts_publish_update. What rt_private.receipt_refuse refuses.
begin;
select plan(14);

insert into platform.users (id, name) values (tests.u(1), 'Anna'), (tests.u(2), 'Boris'), (tests.u(3), 'Clara'),
	(tests.u(4), 'Stranger');
insert into platform.chats (id) values (tests.u(10)), (tests.u(11));
insert into platform.chat_participants (chat_id, user_id)
values (tests.u(10), tests.u(1)), (tests.u(10), tests.u(2)), (tests.u(10), tests.u(3)), (tests.u(11), tests.u(4));
insert into platform.messages (id, chat_id, sender_id, type, content)
select tests.u(n), tests.u(10), tests.u(1), 'text', 'm' || n from generate_series(21, 29) n;
create function pg_temp.told() returns setof text language sql as $$
	select event || ' ' || right(data ->> 'message_id', 2) || ' '
		|| right(coalesce(data ->> 'delivered_to', data ->> 'read_by'), 1) from tests.sent() order by id $$;
select tests.mark();
insert into platform.message_receipts (message_id, user_id) values (tests.u(24), tests.u(2)), (tests.u(24), tests.u(3));
select is((select count(*) from tests.sent()), 0::bigint, 'an empty receipt says nothing');
update platform.message_receipts set delivered_at = now() where message_id = tests.u(24);
update platform.message_receipts set read_at = now() where message_id = tests.u(24) and user_id = tests.u(3);
update platform.message_receipts set delivered_at = now() + interval '1 day', read_at = now() + interval '1 day'
	where message_id = tests.u(24) and user_id = tests.u(3);
select results_eq($$select * from pg_temp.told()$$,
	array['chat:message:delivered 24 2', 'chat:message:delivered 24 3', 'chat:message:read 24 3'],
		'updates are announced when they set a time');
select is((select (delivered_at, read_at) from platform.message_receipts where message_id = tests.u(24)
	and user_id = tests.u(3)), (now(), now()), 'the first time counts');
select tests.mark();
insert into platform.message_receipts (message_id, user_id, delivered_at, read_at)
	values (tests.u(25), tests.u(2), now(), now());
select results_eq($$select * from pg_temp.told()$$, array['chat:message:delivered 25 2', 'chat:message:read 25 2'],
	'both at once: both');
select tests.mark();
insert into platform.message_receipts (message_id, user_id, read_at) values (tests.u(26), tests.u(2), now());
insert into platform.message_receipts (message_id, user_id) values (tests.u(27), tests.u(2));
update platform.message_receipts set read_at = now() where message_id = tests.u(27);
select results_eq($$select * from pg_temp.told()$$, array['chat:message:read 26 2', 'chat:message:read 27 2'],
	'only read: delivered silently');
select is((select array_agg(delivered_at <= read_at) from platform.message_receipts
	where message_id in (tests.u(26), tests.u(27))), '{t,t}', 'but delivered');
select throws_ok($$insert into platform.message_receipts (message_id, user_id, read_at)
	values (tests.u(28), tests.u(1), now())$$, 'RT400', null, 'no receipt of one''s own message');
select throws_ok($$insert into platform.message_receipts (message_id, user_id, read_at)
	values (tests.u(28), tests.u(4), now())$$, 'RT403', null, 'nor of a stranger');
select throws_ok($$update platform.message_receipts set user_id = tests.u(3) where message_id = tests.u(25)$$, 'RT400',
	null, 'a receipt does not move');

select is((select array_agg(to_jsonb(t)) from rt_private.receipt_told(tests.u(25), tests.u(2),
	'2026-01-10 12:00:00+00', '2026-01-10 12:00:01+00') t),
	array(select jsonb_build_object('rooms', array['user:' || tests.u(1)], 'event', 'chat:message:' || e.event,
		'data', jsonb_build_object('message_id', tests.u(25), 'chat_id', tests.u(10), e.who, tests.u(2),
			e.whenever, e.at))
	from (values ('delivered', 'delivered_to', 'delivered_at', '2026-01-10T12:00:00.000Z'),
		('read', 'read_by', 'read_at', '2026-01-10T12:00:01.000Z')) e (event, who, whenever, at)),
	'the events of a receipt');
-- the clock says which of the three slots an INSERT writes
select is(string_agg(distinct regexp_replace(t.part, '^(\d)(.*)select \1,', 'n\2select n,'), ''),
	min(regexp_replace(t.part, '^0(.*)select 0,', 'n\1select n,')) filter (where t.n = 2),
	'the statements of the slots differ in the slot alone')
from (
	select s.n, split_part(s.part, ';', 1) as part
	from pg_proc p, regexp_split_to_table(p.prosrc, 'insert into bellwire.outbox_') with ordinality s (part, n)
	where p.oid = 'rt_private.receipts_publish'::regproc and s.n > 1
) t;

-- ids that go down while the places go up
insert into platform.messages (id, chat_id, sender_id, type, content)
select tests.u(400 - n), tests.u(10), tests.u(1), 'text', 'm' from generate_series(1, 20) n;
select tests.mark();
insert into platform.message_receipts (message_id, user_id, delivered_at)
select tests.u(400 - n), tests.u(2), now() from generate_series(1, 20) n;
select results_eq($$select right(data ->> 'message_id', 3)::int from tests.sent()$$,
	$$select 400 - n from generate_series(1, 20) n$$, 'one INSERT of 20 receipts: in the order of its rows');
select tests.mark();
update platform.message_receipts set read_at = now()
	where user_id = tests.u(2) and message_id = any(array(select tests.u(400 - n) from generate_series(1, 20) n));
select results_eq($$select right(data ->> 'message_id', 3)::int from tests.sent()$$,
	$$select 400 - n from generate_series(1, 20) n$$, 'one UPDATE that reads 20: in the order of the messages');

-- silent
set local bellwire.silent = on;
select tests.mark();
insert into platform.message_receipts (message_id, user_id, read_at) values (tests.u(28), tests.u(4), now());
select is((select count(*) from tests.sent() where event is not null), 0::bigint, 'an import says nothing');

select * from finish();
rollback;
