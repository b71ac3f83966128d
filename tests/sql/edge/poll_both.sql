-- rt.poll_both: what rt.poll has, with the twin. rt.outbox_both is what it reads.
begin;
select plan(7);

delete from bellwire.outbox;
delete from bellwire.outbox_ephemeral;
select tests.row_of(tests.xid_n(n), 9000 - n, n % 4 = 0) from generate_series(1, 40) n;
create function pg_temp.polled(p_from pg_snapshot) returns text language sql as $$
	select string_agg(p.id::text, ' ') from rt.poll_both(p_from, pg_snapshot_xmin(p_from)) p $$;
select is(pg_temp.polled(tests.snap(36, 36)), '8960 8961 8962 8963 8964', 'both tables, by id');
select is(pg_temp.polled(tests.snap(41, 41)), null, 'nothing new');

create temp table snaps as
select n, tests.snap(a, b,
	array(select x from generate_series(a, b - 1) x where (x * 7919 + n * 104729) % 5 = 0)) as s
from (select n, (n * 37) % 25 + 1 as a, (n * 37) % 25 + 1 + (n * 53) % 14 as b from generate_series(1, 60) n) t;
select is(count(*) filter (where pg_temp.polled(f.s) is distinct from (
		select string_agg(o.id::text, ' ' order by o.id)
		from (select id, xid from bellwire.outbox union all select id, xid from bellwire.outbox_ephemeral) o
		where not pg_visible_in_snapshot(o.xid, f.s))),
	0::bigint, 'the rows not visible in a snapshot: ' || count(*)) from snaps f;

-- the rest is that of rt.poll
delete from bellwire.outbox_ephemeral;
create function pg_temp.answer(p_function text) returns setof text language plpgsql as $$
begin
	return query execute format('select (to_jsonb(a) - ''now_us'')::text from rt.%s(%L, %L) a', p_function,
		tests.snap(10, 10), tests.xid_n(10));
end $$;
select results_eq($$select pg_temp.answer('poll_both')$$, $$select pg_temp.answer('poll')$$,
	'the same rows, the same header');
insert into bellwire.outbox_ephemeral (xid, id, slot, epoch, rooms, except_rooms, event, data)
select tests.xid_n(70)::text::xid8, 30100 - i, i % 3, rt_private.epoch_n(), array['r'], '{}', 'e',
	to_jsonb(repeat('x', 40000))
from generate_series(1, 70) i;
select is((select format('%s from %s to %s, %s bytes, %s', count(*), min(id), max(id), max(octet_length(data)),
	bool_and(ephemeral)) from rt.poll_both(tests.snap(70, 70), tests.xid_n(70)::text::xid8)),
	'64 from 30030 to 30093, 32768 bytes, t', 'the same bounds');

-- as a pump's session has it
set local plan_cache_mode = force_generic_plan;
set local enable_seqscan = off;
set local enable_bitmapscan = off;
prepare polled (pg_snapshot, xid8) as select * from rt.poll_both($1, $2);
create function pg_temp.plan() returns text language plpgsql as $$
declare v_line text; v_plan text := '';
begin
	for v_line in execute 'explain (costs off) execute polled(''5:5:'', ''5'')' loop
		v_plan := v_plan || v_line || e'\n';
	end loop;
	return v_plan;
end $$;
select is((select count(*) from regexp_matches(pg_temp.plan(),
	'Index Scan using outbox_(?:ephemeral_)?[0-2]_xid_idx[^\n]*\n *Index Cond: \(xid >= ', 'g')), 6::bigint,
	'planned into the statement of the edge: one probe in each slot of both');
set local session authorization bellwire_edge;
select lives_ok($$select * from rt.poll_both('5:5:', '5')$$, 'an edge');
reset session authorization;

select * from finish();
rollback;
