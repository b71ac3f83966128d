-- rt.fetch and what is under it: rows by snapshot. Commits, rollbacks and other sessions are in concurrent/.
-- rt_private.outbox_both, or outbox_kept, is what all of it reads; they are inlined. ephemeral_note and ephemeral_idle:
-- concurrent/cursor.mjs.
begin;
select plan(32);

select is(rt_private.micros('1970-01-01 00:00:01.5Z'), 1500000::bigint, 'microseconds');
select is(rt_private.lines(array['a', 'b c']), e'a\nb c', 'a room a line');
select is(rt_private.lines(null), null, 'no rooms: all sockets');

select tests.row_of(tests.xid_n(n), 9000 - n, n % 4 = 0) from generate_series(1, 40) n;

select is(tests.fetched(tests.snap(10, 10), tests.snap(14, 14)), '8987 8988 8989 8990',
	'what began between two snapshots, by id, both tables');
select is(tests.fetched(tests.snap(8, 12, '{8,10}'), tests.snap(12, 12)), '8990 8992',
	'what was in flight at the first');
select is(tests.fetched(tests.snap(8, 12, '{8,10}'), tests.snap(8, 12, '{8}')), '8990',
	'what is in flight still comes later');
select is(tests.fetched(tests.snap(8, 12, '{8,10}'), tests.snap(8, 12, '{8,10}')), null, 'nothing new');
select is(tests.fetched(tests.snap(10, 10), tests.snap(12, 15, '{13}')), '8986 8988 8989 8990',
	'in flight at the second');
select is(tests.fetched(tests.snap(10, 10), tests.snap(14, 14), 8988), '8989 8990', 'after an id');
select is(tests.fetched(tests.snap(10, 10), tests.snap(14, 14), 0, 3), '8987 8988 8989', 'limited');

-- against the definition, for pairs of snapshots as they come
create temp table snaps as
select n, tests.snap(a, b,
	array(select x from generate_series(a, b - 1) x where (x * 7919 + n * 104729) % 5 = 0)) as s
from (select n, (n * 37) % 25 + 1 as a, (n * 37) % 25 + 1 + (n * 53) % 14 as b from generate_series(1, 60) n) t;
select is(count(*) filter (where tests.fetched(f.s, u.s) is distinct from (
		select string_agg(o.id::text, ' ' order by o.id)
		from (select id, xid from bellwire.outbox union all select id, xid from bellwire.outbox_ephemeral) o
		where o.id between 8900 and 9000 and not pg_visible_in_snapshot(o.xid, f.s)
			and pg_visible_in_snapshot(o.xid, u.s))),
	0::bigint, 'the rows not visible in the first and visible in the second: ' || count(*) || ' pairs')
from snaps f, snaps u;
select isnt(count(*) filter (where tests.fetched(f.s, u.s) like '% % %'), 0::bigint, 'some of which have rows')
	from snaps f, snaps u;

select tests.row_of(tests.xid_n(900000), 9500);
select is(tests.fetched(tests.snap(10, 10), tests.snap(14, 14)), '8987 8988 8989 8990',
	'a restored row with a huge xid is not there');

-- the form of a row
insert into bellwire.outbox (xid, id, slot, epoch, at, rooms, except_rooms, event, data, confirm)
values (tests.xid_n(50)::text::xid8, 9100, 0, rt_private.epoch_n(), '2026-01-10 12:00:00.123456+00',
	array['room a', 'b'],
	array['s1', 's2'], 'evénement', '{"a": 1.10}', '{"c": 1}');
insert into bellwire.outbox_ephemeral (xid, id, slot, epoch, rooms, except_rooms, data, control)
values (tests.xid_n(50)::text::xid8, 9101, 0, rt_private.epoch_n(), null, '{}', '{}', 'user_join');
select results_eq($$select * from rt_private.fetch_rows(tests.snap(50, 50), tests.snap(51, 51), 0, 10)$$,
	$$values (9100::bigint, tests.xid_n(50)::text, 1768046400123456, e'room a\nb', e's1\ns2', 'evénement', null,
		'{"a": 1.10}', '{"c": 1}', false),
		(9101, tests.xid_n(50)::text,
		(select (extract(epoch from at) * 1000000)::bigint from bellwire.outbox_ephemeral where id = 9101),
		null, '', null, 'user_join', '{}', null, true)$$,
	'the columns of docs/edge-sql.md');

-- plans: a poll must not read what it does not return (docs/event-path.md, "The cursor")
set local plan_cache_mode = force_generic_plan;
set local enable_seqscan = off;
create function pg_temp.plan(p_from pg_snapshot, p_upto pg_snapshot) returns text language plpgsql as $$
declare v_line text; v_plan text := '';
begin
	-- the query as fetch_rows has it
	execute 'prepare rows (pg_snapshot, pg_snapshot, bigint, int) as '
		|| replace(replace(replace(replace(replace(
			substring(prosrc from ' in\s+?(select q\.id.*?)\s+?loop'), 'p_from', '$1'),
			'p_upto', '$2'), 'v_after', '$3'), 'v_last', '$3 + 4000'), 'v_left', '$4')
	from pg_proc where oid = 'rt_private.fetch_rows(pg_snapshot,pg_snapshot,bigint,int)'::regprocedure;
	for v_line in execute format('explain (costs off) execute rows (%L, %L, 0, 1000)', p_from, p_upto) loop
		v_plan := v_plan || v_line || e'\n';
	end loop;
	deallocate rows;
	return v_plan;
end $$;
select unalike(pg_temp.plan(tests.snap(10, 10), tests.snap(14, 14)), '%Seq Scan%',
	'no sequential scan under the pump''s settings');
select is((select count(*)
	from regexp_matches(pg_temp.plan(tests.snap(10, 10), tests.snap(14, 14)), 'Index Cond: \(+xid', 'g')),
	12::bigint, 'two index probes in each of six partitions');
reset plan_cache_mode;
reset enable_seqscan;

-- rt.fetch
select is((select count(*) from rt.fetch(null, null)), 1::bigint, 'without a cursor: the header alone');
select is((select id from rt.fetch(null, null)), null, 'header: no id');
select lives_ok($$select rooms::pg_snapshot from rt.fetch(null, null)$$, 'header: the snapshot');
select is(xid, pg_snapshot_xmin(rooms::pg_snapshot)::text, 'header: its xmin') from rt.fetch(null, null);
select is((select except_rooms from rt.fetch(null, null)), rt_private.epoch_text(), 'header: the epoch');
select is((select control from rt.fetch(null, null)), 'ok', 'header: ok');
select ok((select abs(at_us / 1e6 - extract(epoch from clock_timestamp())) < 5 from rt.fetch(null, null)),
	'header: the clock');
update bellwire.outbox_state set dropped = null;
select is((select event from rt.fetch(null, null)), null, 'header: nothing was dropped');
update bellwire.outbox_state set dropped = '5:9:7';
select is((select event from rt.fetch(null, null)), '5:9:7', 'header: what was dropped');
select is((select array_agg(control || ': ' || data) from rt.fetch('4:8:5', rt_private.epoch_text())),
	array['gap: older than what the outbox keeps'], 'a cursor that is older: gap, and no rows');
select is((select array_agg(control || coalesce(': ' || data, ''))
	from rt.fetch(pg_current_snapshot()::text, rt_private.epoch_text())), array['ok'],
	'a present cursor: nothing new');
select throws_ok($$select * from rt.fetch('x', rt_private.epoch_text())$$, '22P02', null, 'no snapshot');
select is((select array_agg(control) from rt.fetch(pg_current_snapshot()::text, null)), array['gap'],
	'a cursor without an epoch');

-- the gap rule against its definition: the cursor must have seen every transaction that the dropped snapshot sees
create function pg_temp.gap(p_from pg_snapshot, p_dropped pg_snapshot) returns boolean language plpgsql as $$
begin
	update bellwire.outbox_state set dropped = p_dropped;
	return rt_private.gap(p_from, rt_private.epoch_text(), rt_private.epoch_text()) is not null;
end $$;
create temp table gaps as
select f.s as cursor, d.s as dropped, pg_temp.gap(f.s, d.s) as told, exists (
	select from generate_series(0, 45) x
	where pg_visible_in_snapshot(tests.xid_n(x)::text::xid8, d.s)
		and not pg_visible_in_snapshot(tests.xid_n(x)::text::xid8, f.s)) as must
from snaps f, snaps d where f.n <= 30 and d.n <= 30;
select is((select count(*) from gaps where must and not told), 0::bigint, 'a gap is always told');
select is((select count(*) from gaps where told and not must and pg_snapshot_xmax(cursor) >= pg_snapshot_xmax(dropped)),
	0::bigint, 'and told only where something is missing');
select ok(count(*) filter (where must) > 100 and count(*) filter (where not told) > 100, 'both occur') from gaps;
update bellwire.outbox_state set dropped = null;

select * from finish();
rollback;
