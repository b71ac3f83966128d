-- rt.fetch_page.
begin;
select plan(12);

select tests.row_of(tests.xid_n(n), 9000 - n, n % 4 = 0) from generate_series(1, 40) n;

select is((select string_agg(id::text, ' ')
	from rt.fetch_page(tests.snap(10, 10)::text, tests.snap(14, 14)::text, 8987, 2, rt_private.epoch_text())),
	'8988 8989', 'a page');
select is((select count(*)
	from rt.fetch_page(tests.snap(10, 10)::text, tests.snap(14, 14)::text, 9000, 2, rt_private.epoch_text())),
	0::bigint, 'past the last');
select is((
	with recursive page as (
		select 0 as n, array_agg(p.id) as ids, max(p.id) as last
			from rt.fetch_page(tests.snap(1, 1)::text, tests.snap(41, 41)::text, 0, 7,
			rt_private.epoch_text()) p
		union all
		select n + 1, q.ids, q.last from page, lateral (
			select array_agg(p.id) as ids, max(p.id) as last
				from rt.fetch_page(tests.snap(1, 1)::text, tests.snap(41, 41)::text, page.last, 7,
				rt_private.epoch_text()) p) q
		where page.last is not null and q.last is not null)
	select array_agg(i order by n, k) from page, unnest(ids) with ordinality u (i, k)),
	array(select generate_series(8960::bigint, 8999)), 'pages of seven: each row once, in order');
-- a page is first looked for in the four times as many ids behind the last one
select tests.row_of(tests.xid_n(50), i, i = 9710) from unnest(array[9500, 9508, 9509, 9710, 9711]) i;
select is(tests.fetched(tests.snap(50, 50), tests.snap(51, 51), 9500, 2), '9508 9509',
	'the last id of those, and the first behind them');
select is(tests.fetched(tests.snap(50, 50), tests.snap(51, 51), 9508, 2), '9509 9710', 'some there, some far behind');
select is(tests.fetched(tests.snap(50, 50), tests.snap(51, 51), 9509, 3), '9710 9711', 'all far behind, and the end');
select is(tests.fetched(tests.snap(50, 50), tests.snap(51, 51), 9500, 2147483647), '9508 9509 9710 9711',
	'all that there is');

-- rows of 250 KB: an answer ends with the row that fills it, however many rows it may have
insert into bellwire.outbox (xid, id, slot, epoch, rooms, except_rooms, event, data)
select tests.xid_n(60)::text::xid8, i, 0, rt_private.epoch_n(), array['room:none'], '{}', 'e',
	jsonb_build_object('t', repeat('x', 249991))
from generate_series(20001, 20040) i;
create function pg_temp.answer(p_after bigint, p_limit int) returns text language sql as $$
	select format('%s rows to %s, %s bytes', count(*), max(f.id), sum(octet_length(f.data)))
	from rt.fetch_page(tests.snap(60, 60)::text, tests.snap(61, 61)::text, p_after, p_limit,
		rt_private.epoch_text()) f $$;
select is(rt_private.page_bytes(), 9223372036854775807, 'an older edge says no bound');
set local bellwire.page_bytes = '1000000';
select is(pg_temp.answer(0, 20000), '4 rows to 20004, 1000000 bytes', 'no more than fit');
set local bellwire.page_bytes = '1000001';
select is(pg_temp.answer(20004, 20000), '5 rows to 20009, 1250000 bytes', 'and the one that is over it');
select is(pg_temp.answer(20030, 2), '2 rows to 20032, 500000 bytes', 'or as many as were asked for');
reset bellwire.page_bytes;

update bellwire.outbox_state set dropped = '5:9:7';
select throws_ok($$select * from rt.fetch_page('4:8:5', '10:10:', 0, 10, rt_private.epoch_text())$$, '40001', null,
	'a page whose slot was truncated');


select * from finish();
rollback;
