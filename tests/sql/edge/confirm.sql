-- rt.confirm: a message that a recipient's client has taken gets a receipt, once.
begin;
select plan(35);

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

select results_eq($$select right(d.message_id::text, 2) || ' ' || right(d.user_id::text, 1)
	from rt_private.deliveries(array[tests.u(22), tests.u(21), tests.u(21), tests.u(21), tests.u(21), tests.u(99)],
		array[tests.u(2), tests.u(3), tests.u(2), tests.u(1), tests.u(4), tests.u(2)]) d$$,
	array['21 2', '21 3', '22 2'], 'what may become a receipt, in order');
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

-- how many are wanted stands in the message's confirm value
create function pg_temp.of_message(p_message int, p_user int) returns jsonb language sql as $$
	select jsonb_build_object('confirm', o.confirm, 'user_id', tests.u(p_user)) from bellwire.outbox o
	where o.event = 'chat:message:new' and o.data ->> 'id' = tests.u(p_message)::text $$;
create function pg_temp.say(p_message int) returns jsonb language sql as $$
	insert into platform.messages (id, chat_id, sender_id, type, content)
		values (tests.u(p_message), tests.u(10), tests.u(1), 'text', 'x');
	select o.confirm from bellwire.outbox o where o.data ->> 'id' = tests.u(p_message)::text $$;
select is(pg_temp.say(30), jsonb_build_object('message_id', tests.u(30), 'wanted', 1, 'but', tests.u(1)),
	'a large chat: one, and not the sender''s');
update bellwire.settings set value = '3' where name = 'receipts_max_participants';
select is(pg_temp.say(31), jsonb_build_object('message_id', tests.u(31), 'wanted', 'all'), 'another one: all');
select tests.mark();
select is_empty($$select * from rt.confirm(array[pg_temp.of_message(30, 3), pg_temp.of_message(31, 3),
	pg_temp.of_message(30, 2), pg_temp.of_message(31, 2)])$$, 'both at once: nothing more is wanted');
select results_eq($$select * from pg_temp.told() t order by t$$, array['chat:message:delivered 30 2',
	'chat:message:delivered 31 2', 'chat:message:delivered 31 3'],
	'as many as were wanted, whatever the size now is');
select is_empty($$select * from rt.confirm(array[pg_temp.of_message(30, 3)])$$, 'nor later');
select is_empty($$select * from rt.confirm(array[pg_temp.of_message(30, 3), pg_temp.of_message(30, 3)])$$,
	'nor with others');
select is((select count(*) from platform.message_receipts where message_id = tests.u(30)), 1::bigint,
	'which was noted once');
update bellwire.settings set value = '2' where name = 'receipts_max_participants';
select pg_temp.say(n) from generate_series(32, 33) n;
select results_eq($$select c.ord from rt.confirm(array[pg_temp.of_message(31, 2), pg_temp.of_message(32, 4),
	pg_temp.of_message(33, 3), pg_temp.of_message(32, 1), '{"confirm": 5}']) c$$, array[2, 4],
	'those that count for nothing, where one is wanted, are told by number');
delete from platform.messages where id = tests.u(32);
select is_empty($$select * from rt.confirm(array[jsonb_build_object('user_id', tests.u(4), 'confirm',
	jsonb_build_object('message_id', tests.u(32), 'wanted', 1))])$$, 'of a message that is gone nothing is wanted');

-- a receipt that was written without a delivery
insert into platform.message_receipts (message_id, user_id) values (tests.u(26), tests.u(2));
select tests.mark();
select rt.confirm(array[jsonb_build_object('user_id', tests.u(2), 'confirm',
	jsonb_build_object('message_id', tests.u(26), 'wanted', 'all'))]);
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 26 2'], 'gets one, and it is told');

-- The trigger announces them, as it does for other writers.
create function pg_temp.events() returns table (rooms text[], except_rooms text[], event text, data jsonb, control text,
	ephemeral boolean) language sql as $$
	select s.rooms, s.except_rooms, s.event, s.data - 'delivered_at', s.control, s.ephemeral
	from tests.sent() s order by s.id $$;
update bellwire.settings set value = '1000' where name = 'receipts_max_participants';
insert into platform.messages (id, chat_id, sender_id, type, content)
select tests.u(500 + n), tests.u(10), tests.u(1 + n % 3), 'text', 'm' from generate_series(1, 12) n;
create temp table pairs as
select m.id, m.seq, p.user_id from platform.messages m join platform.chat_participants p using (chat_id)
where m.id between tests.u(501) and tests.u(512) and p.user_id <> m.sender_id;
create temp table by_confirm as select * from pg_temp.events() with no data;
grant all on pairs, by_confirm to public;
select tests.mark();
select rt.confirm(array(select jsonb_build_object('user_id', p.user_id, 'confirm',
	jsonb_build_object('message_id', p.id, 'wanted', 'all')) from pairs p order by md5(p.id::text || p.user_id)));
insert into by_confirm select * from pg_temp.events();
select is((select count(*) from by_confirm), 24::bigint, 'twenty-four at once');
delete from platform.message_receipts where message_id in (select id from pairs);
select tests.mark();
insert into platform.message_receipts (message_id, user_id, delivered_at)
select p.id, p.user_id, now() from pairs p order by p.seq, p.user_id;
select results_eq('select * from pg_temp.events()', 'select * from by_confirm', 'say what an INSERT of them says');
delete from platform.message_receipts where message_id in (select id from pairs);
select tests.mark();
select rt.confirm(array[jsonb_build_object('user_id', p.user_id, 'confirm', jsonb_build_object('message_id', p.id,
	'wanted', 'all'))]) from (select * from pairs order by seq, user_id offset 0) p;
select results_eq('select * from pg_temp.events()', 'select * from by_confirm', 'as one by one');
select is((select count(*) from platform.message_receipts r
	join pairs p on (p.id, p.user_id) = (r.message_id, r.user_id)
	where r.delivered_at is not null and r.read_at is null), 24::bigint, 'and note the same');
delete from platform.message_receipts where message_id in (select id from pairs);
select tests.mark();
select is_empty($$select c.* from (
	select array_agg(p.id order by md5(p.id::text || p.user_id)) as messages,
		array_agg(p.user_id order by md5(p.id::text || p.user_id)) as users
	from pairs p) q, rt.confirm('{}', q.messages, q.users) c$$,
	'keys of messages of which each confirmation counts');
select results_eq('select * from pg_temp.events()', 'select * from by_confirm', 'say what values say');
select tests.mark();
select is_empty($$select c.ord from rt.confirm(array[pg_temp.of_message(33, 3), pg_temp.of_message(33, 4)],
	array[tests.u(24), tests.u(24), tests.u(99), tests.u(24), null],
	array[tests.u(4), tests.u(2), tests.u(2), tests.u(1), tests.u(2)]) c$$,
	'keys and values in one call');
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 24 2'],
	'keys: neither the sender, nor strangers, nor of what is unknown');
select tests.mark();
select results_eq($$select c.ord from rt.confirm(array['{"confirm": 5}'::jsonb], '{}', '{}',
	array[tests.u(23), tests.u(24), tests.u(99), tests.u(23), null],
	array[tests.u(4), tests.u(3), tests.u(2), tests.u(1), tests.u(2)]) c$$,
	array[2, 5], 'keys of messages of which one is wanted: those that count for nothing, behind the values');
select is_empty($$select c.ord from rt.confirm('{}', '{}', '{}', array[tests.u(23), tests.u(23), tests.u(23)],
	array[tests.u(1), tests.u(3), tests.u(2)]) c$$, 'one of these counts');
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 23 2'], 'and is told');

-- the outbox is not looked after
update bellwire.epoch set watched = 'empty';
select tests.mark();
select rt.confirm('{}', array[tests.u(25), tests.u(25)], array[tests.u(3), tests.u(2)]);
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 25 2', 'chat:message:delivered 25 3'],
	'told all the same');
update bellwire.epoch set watched = tstzrange(now(), now() + interval '1 hour');

select tests.mark();
select rt.confirm(array[pg_temp.conf(27, n)]) from unnest(array[1, 4, 98]) n;
select rt.confirm(array[pg_temp.conf(99, 2)]);
select is((select count(*) from tests.sent()) + (select count(*) from platform.message_receipts
	where message_id = tests.u(27)), 0::bigint, 'alone: neither the sender, nor strangers, nor of what is unknown');

-- triggers of somebody else
create function tests.see() returns trigger language plpgsql as $$
	begin new.read_at := now(); return new; end $$;
create trigger aa_see before insert on platform.message_receipts for each row when (new.user_id = tests.u(3))
	execute function tests.see();
delete from platform.message_receipts where message_id in (tests.u(28), tests.u(29));
select tests.mark();
select rt.confirm(array[pg_temp.conf(28, 2), pg_temp.conf(28, 3)]);
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 28 2', 'chat:message:delivered 28 3',
	'chat:message:read 28 3'], 'a trigger that changes a receipt is heard');
select tests.mark();
select rt.confirm(array[pg_temp.conf(27, 3)]);
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 27 3', 'chat:message:read 27 3'],
	'alone as well');
drop trigger aa_see on platform.message_receipts;
create function tests.thank() returns trigger language plpgsql as $$
	begin
		insert into platform.messages (chat_id, sender_id, type, content)
		values (tests.u(10), new.user_id, 'text', 'thanks');
		return null;
	end $$;
create trigger aa_thank after insert on platform.message_receipts for each row execute function tests.thank();
select tests.mark();
select rt.confirm(array[pg_temp.conf(29, 2), pg_temp.conf(29, 3)]);
select results_eq($$select s.event from tests.sent() s order by s.event$$, array['chat:message:delivered',
	'chat:message:delivered', 'chat:message:new', 'chat:message:new'],
	'so is one that answers with a message, and no event comes twice');
select tests.mark();
select rt.confirm(array[pg_temp.conf(27, 2)]);
select results_eq($$select s.event from tests.sent() s order by s.event$$, array['chat:message:delivered',
	'chat:message:new'], 'alone as well');
drop trigger aa_thank on platform.message_receipts;

select * from finish();
rollback;
