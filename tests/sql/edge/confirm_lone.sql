-- rt.confirm_lone: one message that a recipient's client has taken, as rt.confirm has it.
begin;
select plan(26);

select tests.users(1, 5), tests.chat(10, 1, 2, 3), tests.chat(11, 4);
insert into platform.messages (id, chat_id, sender_id, type, content)
select tests.u(100 + n), tests.u(10), tests.u(1 + n % 3), 'text', 'm' from generate_series(1, 60) n;
create function pg_temp.events() returns table (rooms text[], except_rooms text[], event text, data jsonb, control text,
	ephemeral boolean) language sql as $$
	select s.rooms, s.except_rooms, s.event, s.data - 'delivered_at', s.control, s.ephemeral
	from tests.sent() s order by s.id $$;
-- as an edge does: what is left to rt.confirm goes there
create function pg_temp.lone(p_message uuid, p_user uuid, p_first boolean) returns setof int language plpgsql as $$
	begin
		if rt.confirm_lone(p_message, p_user, p_first, false) is null then
			return query select * from rt.confirm(array[jsonb_build_object('user_id', p_user,
				'confirm', jsonb_build_object('message_id', p_message,
					'wanted', case when p_first then '1' else 'all' end))]);
		end if;
	end $$;
create function pg_temp.said(p_message int, p_user int, p_first boolean default false) returns text language sql as $$
	select case x when pg_current_xact_id() then 'written' when '0' then 'nothing' end
	from rt.confirm_lone(tests.u(p_message), tests.u(p_user), p_first, false) x $$;

select tests.mark();
select is(pg_temp.said(101, 1), 'written', 'the transaction that wrote it');
select is((select array_agg((r.user_id, r.delivered_at is null, r.read_at)::text)
	from platform.message_receipts r where r.message_id = tests.u(101)),
	array[(tests.u(1), false, null::timestamptz)::text], 'a receipt');
select is((select array_agg(to_jsonb(s)) from (select rooms, event, data from tests.sent()) s), (
	select array[jsonb_build_object('rooms', array['user:' || tests.u(2)], 'event', 'chat:message:delivered',
		'data', jsonb_build_object('message_id', tests.u(101), 'chat_id', tests.u(10),
			'delivered_to', tests.u(1), 'delivered_at', rt_private.iso(r.delivered_at)))]
	from platform.message_receipts r where r.message_id = tests.u(101)), 'told to the sender');
select tests.mark();
select is(pg_temp.said(101, 1), 'nothing', 'once');
select is(pg_temp.said(101, 2), 'nothing', 'not one''s own');
select is(pg_temp.said(101, 4), null, 'a stranger: rt.confirm passes over it');
select is(pg_temp.said(101, 5), null, 'nor one of somebody without a chat');
select is(pg_temp.said(101, 98), null, 'nor of nobody');
select is(pg_temp.said(99, 1), null, 'nor of what is unknown');
select is(pg_temp.said(101, 3, true), null, 'another one counts already: rt.confirm says what is wanted');
select is(pg_temp.said(102, 3, true), null, 'one''s own, where one is wanted: rt.confirm says that another one is');
select is((select count(*) from pg_temp.events()), 0::bigint, 'none of these is told');
select is(pg_temp.said(102, 1, true), 'written', 'the first one counts');
insert into platform.message_receipts (message_id, user_id) values (tests.u(104), tests.u(1));
select is(pg_temp.said(104, 1), null, 'a receipt without a delivery is left to rt.confirm');

-- nobody is rung
select is(current_setting('bellwire.published', true), null, 'this transaction rings');
select rt.confirm_lone(tests.u(107), tests.u(1), false, true);
select is(current_setting('bellwire.published', true), pg_current_xact_id()::text, 'unrung: it is noted that it wrote');

-- by chance: whoever may have one, and the others
delete from platform.message_receipts;
create temp table asked as
select tests.u(100 + m) as message, tests.u(1 + u) as person, row_number() over (order by m, u)::int as n
from (select (random() * 65)::int as m, (random() * 4)::int as u from generate_series(1, 150)) q;
create temp table rows_many as select message_id, user_id, read_at from platform.message_receipts with no data;
create temp table told_many as select * from pg_temp.events() with no data;
create temp table wanted_many (n int);
-- p_keys: as an edge does, so that rt_private.receipts_write announces them; else as an earlier one, for which the
-- trigger does
create function pg_temp.many(p_first boolean, p_keys boolean default true) returns void language plpgsql as $$
	declare
		v_messages constant uuid[] := array(select a.message from asked a order by a.n);
		v_people   constant uuid[] := array(select a.person from asked a order by a.n);
	begin
		truncate rows_many, told_many, wanted_many;
		delete from platform.message_receipts;
		perform tests.mark();
		if not p_keys then
			insert into wanted_many select c.ord from rt.confirm(array(
				select jsonb_build_object('user_id', a.person, 'confirm', jsonb_build_object(
					'message_id', a.message, 'wanted', case when p_first then '1' else 'all' end))
				from asked a order by a.n)) c;
		elsif p_first then
			insert into wanted_many select c.ord from rt.confirm('{}', '{}', '{}', v_messages, v_people) c;
		else
			insert into wanted_many select c.ord from rt.confirm('{}', v_messages, v_people) c;
		end if;
		insert into told_many select * from pg_temp.events();
		insert into rows_many select r.message_id, r.user_id, r.read_at from platform.message_receipts r;
		delete from platform.message_receipts;
		perform tests.mark();
	end $$;
create function pg_temp.one_by_one(p_first boolean) returns setof int language sql as $$
	select a.n from (select * from asked order by n offset 0) a, pg_temp.lone(a.message, a.person, p_first) $$;
select pg_temp.many(false);
select is_empty('select pg_temp.one_by_one(false)', 'where each counts, nothing is wanted');
select results_eq('select * from pg_temp.events()', 'select * from told_many',
	'one by one they say what they say at once');
select results_eq('select message_id, user_id, read_at from platform.message_receipts order by 1, 2',
	'select * from rows_many order by 1, 2', 'and leave the same rows');
select pg_temp.many(false, false);
create temp table told_slow as select * from told_many;
create temp table rows_slow as select * from rows_many;
select pg_temp.many(false);
select results_eq('select * from told_many', 'select * from told_slow', 'keys say what values say');
select results_eq('select * from rows_many order by 1, 2', 'select * from rows_slow order by 1, 2',
	'and leave the same rows');
select pg_temp.many(true, false);
truncate told_slow;
insert into told_slow select * from told_many;
create temp table wanted_slow as select * from wanted_many;
select pg_temp.many(true);
select results_eq('select * from told_many', 'select * from told_slow', 'where one is wanted as well');
select results_eq('select n from wanted_many order by n', 'select n from wanted_slow order by n',
	'and tell the same to count for nothing');
create temp table wanted_lone as select pg_temp.one_by_one(true) as n;
select results_eq('select * from pg_temp.events()', 'select * from told_many', 'where one is wanted as well');
select results_eq('select message_id, user_id, read_at from platform.message_receipts order by 1, 2',
	'select * from rows_many order by 1, 2', 'the same rows');
select is_empty('select n from wanted_many except select n from wanted_lone',
	'and whoever counted for nothing at once did so one by one');

select * from finish();
rollback;
