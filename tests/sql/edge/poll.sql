-- rt.poll: rows by snapshot, and the header. Other sessions are in concurrent/cursor.mjs and rotation.mjs;
-- rt.outbox_head and rt.outbox_kept are what it reads.
begin;
select plan(18);

delete from bellwire.outbox;
delete from bellwire.outbox_ephemeral;
select tests.row_of(tests.xid_n(n), 9000 - n, n % 4 = 0) from generate_series(1, 40) n;

create function pg_temp.polled(p_from pg_snapshot) returns text language sql as $$
	select string_agg(p.id::text, ' ') from rt.poll(p_from, pg_snapshot_xmin(p_from)) p $$;
select is(pg_temp.polled(tests.snap(36, 36)), '8961 8962 8963', 'what began after a snapshot, by id');
select is(pg_temp.polled(tests.snap(30, 38, '{30,33,36}')), '8961 8962 8967 8970', 'what was in flight at it');
select is(pg_temp.polled(tests.snap(41, 41)), null, 'nothing new');
select is((select count(*) from rt.poll(tests.snap(41, 41), tests.xid_n(41)::text::xid8)), 1::bigint,
	'which is a row all the same');

-- against the definition, for snapshots as they come
create temp table snaps as
select n, tests.snap(a, b,
	array(select x from generate_series(a, b - 1) x where (x * 7919 + n * 104729) % 5 = 0)) as s
from (select n, (n * 37) % 25 + 1 as a, (n * 37) % 25 + 1 + (n * 53) % 14 as b from generate_series(1, 60) n) t;
select is(count(*) filter (where pg_temp.polled(f.s) is distinct from (
		select string_agg(o.id::text, ' ' order by o.id) from bellwire.outbox o
		where not pg_visible_in_snapshot(o.xid, f.s))),
	0::bigint, 'the rows not visible in it: ' || count(*) || ' snapshots') from snaps f;

-- the form of a row
insert into bellwire.outbox (xid, id, slot, epoch, at, rooms, except_rooms, event, data, confirm)
values (tests.xid_n(50)::text::xid8, 9100, 0, rt_private.epoch_n(), '2026-01-10 12:00:00.123456+00',
	array['room a', 'b'], array['s1', 's2'], 'evénement', '{"a": 1.10}', '{"c": 1}');
insert into bellwire.outbox (xid, id, slot, epoch, at, rooms, except_rooms, data, control)
values (tests.xid_n(50)::text::xid8, 9101, 0, rt_private.epoch_n(), '2026-01-10 12:00:00.000001+00', null, '{}', '{}',
	'user_join');
-- `taken`: the snapshot of that statement; the next one has another, where some other session has begun or ended since
create temp table answers as
select *, pg_current_snapshot() as taken from rt.poll(tests.snap(50, 50), tests.xid_n(50)::text::xid8);
select results_eq($$select id, xid::text, at_us, rooms, except_rooms, event, control, data, confirm::text, ephemeral
	from answers order by id$$,
	$$select * from rt_private.fetch_rows(tests.snap(50, 50), tests.snap(51, 51), 0, 10)$$,
	'the columns of rt.fetch, with the same text');
select is((select array_agg(at_us order by id) from answers), array[1768046400123456, 1768046400000001],
	'the time to the microsecond');

-- the header, on each row
select is((select array_agg(distinct snapshot::text) from answers),
	(select array_agg(distinct taken::text) from answers), 'the snapshot');
select ok((select bool_and(abs(now_us / 1e6 - extract(epoch from clock_timestamp())) < 5) from answers), 'the clock');
select is((select array_agg(distinct written) from answers),
	array[pg_sequence_last_value('bellwire.outbox_ephemeral_written')], 'how often the twin was written');
update bellwire.outbox_state set dropped = null;
select is((select max(dropped::text) from rt.poll(tests.snap(41, 41), tests.xid_n(41)::text::xid8)), null,
	'nothing was dropped');
update bellwire.outbox_state set dropped = '5:9:7';
select is((select dropped::text from rt.poll(tests.snap(60, 60), tests.xid_n(60)::text::xid8)), '5:9:7',
	'what was dropped, without a row');
select is((select min(dropped::text) from rt.poll(tests.snap(50, 50), tests.xid_n(50)::text::xid8)), '5:9:7',
	'and with rows');
update bellwire.outbox_state set dropped = null;

-- bounds: rows, and bytes of each
insert into bellwire.outbox (xid, id, slot, epoch, rooms, except_rooms, event, data)
select tests.xid_n(60)::text::xid8, i, 0, rt_private.epoch_n(), array['r'], '{}', 'e', to_jsonb(repeat('x', n))
from (values (20001, 32765), (20002, 32766), (20003, 99999)) t (i, n);
select results_eq($$select id, octet_length(data) from rt.poll(tests.snap(60, 60), tests.xid_n(60)::text::xid8)$$,
	$$values (20001::bigint, 32767), (20002, 32768), (20003, 32768)$$, 'data of 32768 bytes may be a part');
insert into bellwire.outbox (xid, id, slot, epoch, rooms, except_rooms, event, data)
select tests.xid_n(70)::text::xid8, 30100 - i, i % 3, rt_private.epoch_n(), array['r'], '{}', 'e', '{}'
from generate_series(1, 70) i;
select is((select format('%s from %s to %s', count(*), min(id), max(id))
	from rt.poll(tests.snap(70, 70), tests.xid_n(70)::text::xid8)), '64 from 30030 to 30093', 'the first 64 rows');

-- who may
create function pg_temp.plan(p_sql text) returns text language plpgsql as $$
declare v_line text; v_plan text := '';
begin
	for v_line in execute 'explain (costs off) ' || p_sql loop
		v_plan := v_plan || v_line || e'\n';
	end loop;
	return v_plan;
end $$;
-- as a pump's session has them
set local plan_cache_mode = force_generic_plan;
set local enable_seqscan = off;
set local enable_bitmapscan = off;
prepare kept (pg_snapshot, xid8) as select * from rt.poll($1, $2);
select is((select count(*) from regexp_matches(pg_temp.plan(format('execute kept(%L, %L)', '5:5:', '5')),
	'Index Scan using outbox_[0-2]_xid_idx[^\n]*\n *Index Cond: \(xid >= ', 'g')), 3::bigint,
	'planned into the statement of the edge: one probe in each slot');
select unalike(pg_temp.plan(format('execute kept(%L, %L)', '5:5:', '5')), '%Function Scan%', 'no call');
set local session authorization bellwire_edge;
select lives_ok($$select * from rt.poll('5:5:', '5')$$, 'an edge');
reset session authorization;

select * from finish();
rollback;
