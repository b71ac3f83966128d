-- rt.poll_ids: the rows of rt.poll for an edge with nobody on it, events by their ids and control rows whole. Other
-- sessions are in concurrent/cursor.mjs and rotation.mjs.
begin;
select plan(17);

delete from bellwire.outbox;
delete from bellwire.outbox_ephemeral;
select tests.row_of(tests.xid_n(n), 9000 - n, n % 4 = 0) from generate_series(1, 40) n;

create function pg_temp.polled(p_function text, p_from pg_snapshot, p_column text) returns setof text
language plpgsql as $$
begin
	return query execute format('select (%s)::text from rt.%s(%L, %L) p where p.xid is not null', p_column,
		p_function, p_from, pg_snapshot_xmin(p_from));
end $$;
create function pg_temp.ids(p_from pg_snapshot) returns text language sql as $$
	select string_agg(id, ' ' order by id) from pg_temp.polled('poll_ids', p_from, 'p.id') id $$;
select is(pg_temp.ids(tests.snap(36, 36)), '8961 8962 8963', 'what began after a snapshot');
select is(pg_temp.ids(tests.snap(30, 38, '{30,33,36}')), '8961 8962 8967 8970', 'what was in flight at it');
select is((select count(*) from rt.poll_ids(tests.snap(41, 41), tests.xid_n(41)::text::xid8)), 1::bigint,
	'nothing new is a header all the same');

-- against rt.poll, for snapshots as they come
create temp table snaps as
select n, tests.snap(a, b,
	array(select x from generate_series(a, b - 1) x where (x * 7919 + n * 104729) % 5 = 0)) as s
from (select n, (n * 37) % 25 + 12 as a, (n * 37) % 25 + 12 + (n * 53) % 14 as b from generate_series(1, 60) n) t;
select is(count(*) filter (where
		(select string_agg(r, ' ' order by r) from pg_temp.polled('poll_ids', f.s,
			$$p.id, p.xid, (date_part('epoch', p.at) * 1000000)::bigint$$) r)
		is distinct from
		(select string_agg(r, ' ' order by r) from pg_temp.polled('poll', f.s, 'p.id, p.xid, p.at_us') r)),
	0::bigint, 'the ids, transactions and times of rt.poll: ' || count(*) || ' snapshots') from snaps f;

-- control rows, among events
insert into bellwire.outbox (xid, id, slot, epoch, rooms, except_rooms, event, control, data)
select tests.xid_n(50)::text::xid8, 20000 + i, i % 3, rt_private.epoch_n(), '{}', '{}',
	case when i % 2 = 0 then 'e' end, case when i % 2 = 1 then 'verb' || i end, d.data
from unnest(array['{"a": 1}', '{"b": 2}', 'null', '[]', jsonb_build_object('text', repeat('é', 1500)),
	jsonb_build_object('text', repeat('x', 1011))]::jsonb[]) with ordinality d (data, i);
create temp table control as
select p.* from rt.poll_ids(tests.snap(50, 50), tests.xid_n(50)::text::xid8) p where p.xid is not null;
select results_eq('select id, control, left(data, 10) from control order by id',
	$$values (20001::bigint, 'verb1', '{"a": 1}'), (20002, null, null), (20003, 'verb3', 'null'),
		(20004, null, null), (20005, 'verb5', '{"text": "'), (20006, null, null)$$,
	'a control row has its data, an event has none');
select is((select length(data) from control where id = 20005), 1024, 'which is cut, so that an answer is bounded');

-- the header, the one row without a transaction, which comes first
-- `taken`: the snapshot of that statement; the next one has another, where some other session has begun or ended since
create temp table header as
select *, pg_current_snapshot()::text as taken
from rt.poll_ids(tests.snap(36, 36), tests.xid_n(36)::text::xid8) where xid is null;
select results_eq('select count(*)::int, bool_and(data = taken), bool_and(xid is null) from header',
	$$values (1, true, true)$$, 'the snapshot');
select ok((select bool_and(abs(extract(epoch from clock_timestamp() - at)) < 5) from header), 'the clock');
create function pg_temp.written() returns bigint language sql as $$
	select h.id from rt.poll_ids(tests.snap(36, 36), tests.xid_n(36)::text::xid8) with ordinality
		h (id, xid, at, control, data, n)
	where n = 1 and xid is null $$;
select is(pg_temp.written(), last_value, 'how often the twin was written, in the first row')
from bellwire.outbox_ephemeral_written;
select is(nextval('bellwire.outbox_ephemeral_written'), pg_temp.written(), 'and once more');
update bellwire.outbox_state set dropped = null;
select is((select control from rt.poll_ids(tests.snap(41, 41), tests.xid_n(41)::text::xid8) where xid is null), null,
	'nothing was dropped');
update bellwire.outbox_state set dropped = '7:9:8';
select is((select control from rt.poll_ids(tests.snap(41, 41), tests.xid_n(41)::text::xid8) where xid is null), '7:9:8',
	'what was dropped');

-- what it leaves out is for clients alone: a control row of another kind may not be written there
select is((select string_agg(p.oid::regprocedure::text, ' ' order by p.oid::regprocedure::text) from pg_proc p
	where p.pronamespace in ('rt'::regnamespace, 'rt_private'::regnamespace)
	and p.prosrc ~ 'p_control' and p.prosrc ~ 'p_ephemeral => true'),
	'rt.relayed(uuid,jsonb)', 'the twin has no control rows but those with events of other edges');

insert into bellwire.outbox (xid, id, slot, epoch, rooms, except_rooms, event, data)
select tests.xid_n(70)::text::xid8, 40000 - i, i % 3, rt_private.epoch_n(), array['r'], '{}', 'e', '{}'
from generate_series(1, 2100) i;
select is((select count(*) from rt.poll_ids(tests.snap(70, 70), tests.xid_n(70)::text::xid8)), 2002::bigint,
	'the header, 2000 rows, and one more that says so');

-- as a pump's session has it
set local plan_cache_mode = force_generic_plan;
set local enable_seqscan = off;
set local enable_bitmapscan = off;
prepare ids (pg_snapshot, xid8) as select * from rt.poll_ids($1, $2);
select is((select count(*) from regexp_matches(tests.plan(format('execute ids(%L, %L)', '5:5:', '5')),
	'Index Scan using outbox_[0-2]_xid_idx[^\n]*\n[^\n]*\n *Index Cond: \([^\n]*xid >= ', 'g')),
	3::bigint, 'planned into the statement of the edge: one probe in each slot');
select unalike(tests.plan(format('execute ids(%L, %L)', '5:5:', '5')), '%Function Scan%', 'no call');
set local session authorization bellwire_edge;
select lives_ok($$select * from rt.poll_ids('5:5:', '5')$$, 'an edge');
reset session authorization;

select * from finish();
rollback;
