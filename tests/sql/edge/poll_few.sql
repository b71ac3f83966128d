-- rt.poll_few: the rows of rt.poll, each as one value. Other sessions are in concurrent/cursor.mjs and rotation.mjs;
-- rt.outbox_rows is what it reads, and the count of rt.outbox_head. outbox_dropped counts.
begin;
select plan(13);

delete from bellwire.outbox;
delete from bellwire.outbox_ephemeral;
select tests.row_of(tests.xid_n(n), 9000 - n, n % 4 = 0) from generate_series(1, 40) n;

create function pg_temp.polled(p_function text, p_from pg_snapshot, p_column text) returns setof text
language plpgsql as $$
begin
	return query execute format('select (%s)::text from rt.%s(%L, %L) p', p_column, p_function, p_from,
		pg_snapshot_xmin(p_from));
end $$;
create function pg_temp.ids(p_from pg_snapshot) returns text language sql as $$
	select string_agg(id, ' ' order by id) from pg_temp.polled('poll_few', p_from, '(p.event).id') id $$;
select is(pg_temp.ids(tests.snap(36, 36)), '8961 8962 8963', 'what began after a snapshot');
select is(pg_temp.ids(tests.snap(30, 38, '{30,33,36}')), '8961 8962 8967 8970', 'what was in flight at it');
select results_eq($$select event is null from rt.poll_few(tests.snap(41, 41), tests.xid_n(41)::text::xid8)$$,
	array[true], 'nothing new is a row all the same');

-- against rt.poll, for snapshots as they come
create temp table snaps as
select n, tests.snap(a, b,
	array(select x from generate_series(a, b - 1) x where (x * 7919 + n * 104729) % 5 = 0)) as s
from (select n, (n * 37) % 25 + 12 as a, (n * 37) % 25 + 12 + (n * 53) % 14 as b from generate_series(1, 60) n) t;
select is(count(*) filter (where pg_temp.ids(f.s) is distinct from (
		select string_agg(id, ' ' order by id) from pg_temp.polled('poll', f.s, 'p.id') id)),
	0::bigint, 'the rows of rt.poll: ' || count(*) || ' snapshots') from snaps f;

-- the columns that an edge reads, by their place in the value (server/db/binary.c)
select is((select string_agg(format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
	from pg_attribute a
	where a.attrelid = 'bellwire.outbox'::regclass and a.attnum > 0 and not a.attisdropped),
	'xid xid8, id bigint, slot smallint, epoch integer, at timestamp with time zone, rooms text[], '
	'except_rooms text[], event text, data jsonb, confirm jsonb, control text',
	'a row is these columns; others behind them are passed over');

-- the header, on each row
-- `taken`: the snapshot of that statement; the next one has another, where some other session has begun or ended since
create temp table answers as
select *, pg_current_snapshot() as taken from rt.poll_few(tests.snap(36, 36), tests.xid_n(36)::text::xid8);
select is((select array_agg(distinct snapshot::text) from answers),
	(select array_agg(distinct taken::text) from answers), 'the snapshot');
select ok((select bool_and(abs(extract(epoch from clock_timestamp() - at)) < 5) from answers), 'the clock');
select is((select array_agg(distinct written) from answers),
	array[pg_sequence_last_value('bellwire.outbox_ephemeral_written')], 'the count');
update bellwire.outbox_state set tried_at = tried_at;
update bellwire.outbox_state set dropped = null;
select is((select max(written) from rt.poll_few(tests.snap(41, 41), tests.xid_n(41)::text::xid8)),
	(select max(written) + 1 from answers), 'what was dropped is counted, and nothing else of that row');

insert into bellwire.outbox (xid, id, slot, epoch, rooms, except_rooms, event, data)
select tests.xid_n(70)::text::xid8, 30100 - i, i % 3, rt_private.epoch_n(), array['r'], '{}', 'e', '{}'
from generate_series(1, 70) i;
select is((select count(*) from rt.poll_few(tests.snap(70, 70), tests.xid_n(70)::text::xid8)), 33::bigint,
	'32 rows, and one more that says so');

-- as a pump's session has it
set local plan_cache_mode = force_generic_plan;
set local enable_seqscan = off;
set local enable_bitmapscan = off;
prepare few (pg_snapshot, xid8) as select * from rt.poll_few($1, $2);
select is((select count(*) from regexp_matches(tests.plan(format('execute few(%L, %L)', '5:5:', '5')),
	'Index Scan using outbox_[0-2]_xid_idx[^\n]*\n *Output: [^,\n]*\n *Index Cond: \([^\n]*xid >= ', 'g')),
	3::bigint, 'planned into the statement of the edge: one probe in each slot, for one column');
select unalike(tests.plan(format('execute few(%L, %L)', '5:5:', '5')), '%Function Scan%', 'no call');
set local session authorization bellwire_edge;
select lives_ok($$select * from rt.poll_few('5:5:', '5')$$, 'an edge');
reset session authorization;

select * from finish();
rollback;
