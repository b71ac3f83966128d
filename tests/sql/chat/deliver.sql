-- rt_private.receipts_write: the receipts of keys are written and announced by one statement, which the trigger leaves
-- alone (rt_private.may_announce, is_announced, receipts_special). Postgres inlines these, what is still to be noted
-- (deliveries_due), and what both say (receipt_data, delivered_data). Where a trigger of somebody else may change a
-- row, ours announces.
begin;
select plan(33);

select tests.users(1, 6), tests.chat(10, 1, 2, 3), tests.chat(11, 4);
insert into platform.messages (id, chat_id, sender_id, type, content)
select tests.u(100 + n), tests.u(10), tests.u(1 + n % 3), 'text', 'm' from generate_series(1, 60) n;
create function pg_temp.told() returns setof text language sql as $$
	select event || ' ' || right(data ->> 'message_id', 3) || ' '
		|| right(coalesce(data ->> 'delivered_to', data ->> 'read_by'), 1) from tests.sent()
	where event like 'chat:message:%e%d' order by id $$;
create function pg_temp.noted() returns setof text language sql as $$
	select right(message_id::text, 3) || ' ' || right(user_id::text, 1)
		|| case when delivered_at is null then '' else ' delivered' end
		|| case when read_at is null then '' else ' read' end
	from platform.message_receipts order by message_id, user_id $$;
create function pg_temp.keys(variadic p_pairs int[]) returns setof int language sql as $$
	select c.ord from (
		select array_agg(tests.u(p_pairs[i])) as messages, array_agg(tests.u(p_pairs[i + 1])) as users
		from generate_series(1, cardinality(p_pairs), 2) i) q, rt.confirm('{}', q.messages, q.users) c $$;
create function pg_temp.firsts(variadic p_pairs int[]) returns setof int language sql as $$
	select c.ord from (
		select array_agg(tests.u(p_pairs[i])) as messages, array_agg(tests.u(p_pairs[i + 1])) as users
		from generate_series(1, cardinality(p_pairs), 2) i) q,
	rt.confirm('{}', '{}', '{}', q.messages, q.users) c $$;
create function pg_temp.again() returns void language plpgsql as $$
	begin
		delete from platform.message_receipts;
		perform tests.mark();
	end $$;

select tests.mark();
select is(rt_private.receipts_write(array[tests.u(102), tests.u(101), tests.u(101), tests.u(101), tests.u(101), null],
	array[tests.u(1), tests.u(3), tests.u(2), tests.u(1), tests.u(1), tests.u(1)], false), 3,
	'it writes those that may be, each once');
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 101 1', 'chat:message:delivered 101 3',
	'chat:message:delivered 102 1'], 'in the order of the messages, then of the users');
select is(current_setting('bellwire.receipts', true), '', 'and takes its word back');
select is((select count(*)::int from tests.sent() s join platform.message_receipts r
	on r.message_id = (s.data ->> 'message_id')::uuid and r.user_id = (s.data ->> 'delivered_to')::uuid
	where s.data ->> 'delivered_at' = rt_private.iso(r.delivered_at)), 3, 'with the times of the rows');
select pg_temp.again();
select is(rt_private.receipts_write(array[tests.u(101), tests.u(101), tests.u(102), tests.u(102)],
	array[tests.u(3), tests.u(1), tests.u(3), tests.u(1)], true), 2, 'where one counts: one of a message');
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 101 1', 'chat:message:delivered 102 1'],
	'that of the first user');
select is(rt_private.receipts_write(array[tests.u(101), tests.u(102)], array[tests.u(3), tests.u(3)], true), 0,
	'and none once there is one');
select is(rt_private.receipts_write(array[tests.u(101)], array[tests.u(1)], false), 0, 'nor one that is there');

-- what is there without a delivery
select pg_temp.again();
insert into platform.message_receipts (message_id, user_id)
values (tests.u(101), tests.u(1)), (tests.u(102), tests.u(2));
select is(rt_private.receipts_write(array[tests.u(101), tests.u(103)], array[tests.u(1), tests.u(2)], false), null,
	'one that is there without a delivery: nothing is written');
select is_empty('select * from pg_temp.told()', 'nor said');
select pg_temp.keys(101, 1, 103, 2);
select results_eq('select * from pg_temp.told() t order by t',
	array['chat:message:delivered 101 1', 'chat:message:delivered 103 2'], 'the call writes and says both');
select is_empty('select * from pg_temp.firsts(102, 2)', 'where one counts as well');

-- the outbox, before its first write after a time without any edge
select pg_temp.again();
update bellwire.epoch set watched = 'empty';
select is(rt_private.receipts_write(array[tests.u(101)], array[tests.u(1)], false), null,
	'the outbox is not ready: nothing is written');
select is(rt_private.receipts_write(array[tests.u(101)], array[tests.u(2)], false), null,
	'and of none it is not known whether it may be');
select is_empty('select * from pg_temp.noted()', 'so nothing is noted');
select pg_temp.keys(101, 1);
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 101 1'], 'the call does it');
select rt_private.outbox_watch('5 minutes');
select is(rt_private.receipts_write(array[tests.u(101)], array[tests.u(2)], false), 0, 'once it is ready: none may be');

-- triggers of somebody else, by keys
create function tests.see() returns trigger language plpgsql as $$ begin new.read_at := now(); return new; end $$;
create trigger aa_see before insert on platform.message_receipts for each row when (new.user_id = tests.u(3))
	execute function tests.see();
select pg_temp.again();
select pg_temp.keys(101, 1, 101, 3);
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 101 1', 'chat:message:delivered 101 3',
	'chat:message:read 101 3'], 'a trigger that changes a receipt is heard');
drop trigger aa_see on platform.message_receipts;
create function tests.skip() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger aa_skip before insert on platform.message_receipts for each row when (new.user_id = tests.u(3))
	execute function tests.skip();
select pg_temp.again();
select pg_temp.keys(101, 1, 101, 3);
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 101 1'],
	'of a receipt that a trigger keeps from being written nothing is said');
select is(rt.confirm_lone(tests.u(104), tests.u(3), false, false), null, 'alone: rt.confirm is to be asked');
select results_eq('select * from pg_temp.noted()', array['101 1 delivered'], 'nor is it noted');
drop trigger aa_skip on platform.message_receipts;
create function tests.move() returns trigger language plpgsql as $$
	begin new.user_id := tests.u(1); return new; end $$;
create trigger aa_move before insert on platform.message_receipts for each row when (new.user_id = tests.u(3))
	execute function tests.move();
select pg_temp.again();
select pg_temp.keys(101, 3);
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 101 1'],
	'a receipt that a trigger gives to another user is announced as that one''s');
drop trigger aa_move on platform.message_receipts;
create function tests.also() returns trigger language plpgsql as $$
	begin
		insert into platform.message_receipts (message_id, user_id, delivered_at)
		values (tests.u(102), tests.u(2), now());
		return null;
	end $$;
create trigger aa_also after insert on platform.message_receipts
	for each row when (new.message_id = tests.u(101)) execute function tests.also();
select pg_temp.again();
select pg_temp.keys(101, 1);
select results_eq('select * from pg_temp.told() t order by t',
	array['chat:message:delivered 101 1', 'chat:message:delivered 102 2'],
	'a receipt that a trigger writes is announced');
select pg_temp.again();
select rt.confirm_lone(tests.u(101), tests.u(1), false, false);
select results_eq('select * from pg_temp.told() t order by t',
	array['chat:message:delivered 101 1', 'chat:message:delivered 102 2'], 'alone as well');
drop trigger aa_also on platform.message_receipts;
create trigger aa_also after insert on platform.message_receipts
	for each row when (new.message_id = tests.u(101)) execute function tests.also();
delete from platform.chat_participants where chat_id = tests.u(10) and user_id = tests.u(2);
select pg_temp.again();
select is(rt_private.receipts_write(array[tests.u(101)], array[tests.u(1)], false), null,
	'where a trigger writes one that may not be, nothing is written');
select throws_ok('select pg_temp.keys(101, 1)', 'RT403', null, 'nor by the call, which says why');
insert into platform.chat_participants (chat_id, user_id) values (tests.u(10), tests.u(2));
drop trigger aa_also on platform.message_receipts;
create temp table seen (message_id uuid, user_id uuid);
grant insert on seen to public;
create function tests.all_seen() returns trigger language plpgsql as $$
	begin insert into seen select r.message_id, r.user_id from arrived r; return null; end $$;
create trigger aa_all after insert on platform.message_receipts referencing new table as arrived
	for each statement execute function tests.all_seen();
select pg_temp.again();
select pg_temp.keys(101, 1, 102, 1, 101, 3);
select results_eq('select right(message_id::text, 3), right(user_id::text, 1) from seen order by 1, 2',
	$$values ('101', '1'), ('101', '3'), ('102', '1')$$, 'a trigger for each statement sees all rows');
drop trigger aa_all on platform.message_receipts;
create table tests.inbox (message_id uuid, user_id uuid);
create function tests.inbox_in() returns trigger language plpgsql as $$
	begin perform rt.confirm('{}', array[new.message_id], array[new.user_id]); return null; end $$;
create trigger inbox_in after insert on tests.inbox for each row execute function tests.inbox_in();
select pg_temp.again();
insert into tests.inbox values (tests.u(101), tests.u(1));
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 101 1'],
	'a call within a trigger announces once');

-- the word that keeps the trigger silent is an edge's alone
create role bellwire_test_writer login in role bellwire_service;
grant usage on schema platform, rt, tests to bellwire_test_writer;
grant insert on platform.message_receipts to bellwire_test_writer;
select pg_temp.again();
set session authorization bellwire_test_writer;
select set_config('bellwire.receipts', pg_current_xact_id()::text, true);
insert into platform.message_receipts (message_id, user_id, delivered_at) values (tests.u(101), tests.u(1), now());
reset session authorization;
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 101 1'],
	'a service that says so is heard all the same');
select set_config('bellwire.receipts', '', true);
grant execute on function rt.confirm(jsonb[], uuid[], uuid[], uuid[], uuid[]),
	rt.confirm_lone(uuid, uuid, boolean, boolean) to bellwire_test_writer;
set session authorization bellwire_test_writer;
select rt.confirm('{}', array[tests.u(102)], array[tests.u(1)]),
	rt.confirm_lone(tests.u(104), tests.u(1), false, false);
reset session authorization;
select rt.confirm('{}', array[tests.u(104)], array[tests.u(1)]);
select results_eq('select * from pg_temp.told()', array['chat:message:delivered 101 1', 'chat:message:delivered 102 1',
	'chat:message:delivered 104 1'], 'another role that was let in: each once');

-- an import
select pg_temp.again();
set local bellwire.silent = on;
select rt.confirm('{}', array[tests.u(101)], array[tests.u(1)]),
	rt.confirm_lone(tests.u(104), tests.u(1), false, false),
	rt.confirm('{}', array[tests.u(104)], array[tests.u(1)]);
select is((select count(*) from tests.sent() where event is not null), 0::bigint, 'an import says nothing');
select results_eq('select * from pg_temp.noted()', array['101 1 delivered', '104 1 delivered'], 'but notes them');
reset bellwire.silent;

-- the clock says which of the three slots a statement writes
select is(array_agg(distinct regexp_replace(s.part, '(outbox_|select )' || s.n - 2, '\1n', 'g')),
	array[min(regexp_replace(s.part, '(outbox_|select )0', '\1n', 'g')) filter (where s.n = 2)],
	'the statements of the slots differ in the slot alone')
from (
	select s.n, split_part(s.part, ';', 1) as part
	from pg_proc p, regexp_split_to_table(p.prosrc, 'with d as') with ordinality s (part, n)
	where p.oid = 'rt_private.receipts_write'::regproc and s.n > 1
) s having count(*) = 3;

select * from finish();
rollback;
