-- What a writer asks before it writes the outbox, and which snapshot covers which. concurrent/watch.mjs has what
-- writers do while there is no edge.
begin;
select plan(19);

select is(rt_private.snapshot_covers(a::pg_snapshot, b::pg_snapshot), want,
	format('%s covers %s', a, coalesce(b, 'nothing')))
from (values
	('10:10:', null, true),
	('10:10:', '10:10:', true),
	('10:20:', '10:10:', true),
	('10:10:', '10:11:', false),
	('10:20:10,15', '10:12:10', true),
	('10:20:10,11', '10:12:10', false),
	('10:20:15', '10:15:', true),
	('10:20:14', '10:15:', false),
	('10:20:10,14', '10:15:14', false)) t (a, b, want);

create function pg_temp.holds(p_watched tstzrange, p_started timestamptz default pg_postmaster_start_time())
returns boolean language sql as $$ select rt_private.epoch_holds(p_started, p_watched, clock_timestamp()) $$;
-- from a table, as the epoch's: in one expression the clock may be read before the range is made
create temp table range on commit drop as select rt_private.watch_range('1 minute') as range;
select ok(pg_temp.holds(range), 'somebody looks after the outbox') from range;
select ok(not pg_temp.holds('empty'), 'nobody does');
select ok(not pg_temp.holds(tstzrange(now() - interval '2 s', now() - interval '1 s')), 'not any more');
select ok(not pg_temp.holds(tstzrange(now() + interval '1 h', now() + interval '2 h')), 'the clock was set back');
select ok(not pg_temp.holds(range, pg_postmaster_start_time() - interval '1 s'), 'another run of Postgres') from range;

-- at the commit; here, as where a restricted operation forbids to wait for it
create function pg_temp.slot(p_n int) returns int
language sql as $$ select (rt_private.outbox_slot(clock_timestamp()) + p_n) % 3 $$;
insert into bellwire.outbox (slot, epoch, rooms, except_rooms, event, data)
select pg_temp.slot(n), rt_private.epoch_n(), '{r}', '{}', 'old', '{}' from generate_series(0, 2) n;
update bellwire.epoch set watched = 'empty';
select rt_private.publish(array['r'], 'e', '{}');
select is((select count(*) from bellwire.looks), 1::bigint, 'the transaction will look');
select rt_private.publish(array['r'], 'e', '{}');
select rt_private.outbox_ready();
select is((select count(*) from bellwire.looks), 1::bigint, 'once');
set constraints all immediate;
select is((select count(*) from bellwire.looks), 0::bigint, 'it has looked');
select ok(rt_private.outbox_watched(), 'somebody looks after the outbox from then on');
select is((select count(*) from bellwire.outbox where event = 'old' and xid = pg_current_xact_id()), 3::bigint,
	'its own rows stay');

select * from finish();
rollback;
