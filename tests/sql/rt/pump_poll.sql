-- rt.pump_poll: the oldest transaction that still runs.
begin;
select no_plan();

select is(rt.pump_poll(), pg_snapshot_xmin(pg_current_snapshot())::text, 'xmin of the present snapshot');
select pg_current_xact_id();
select ok(rt.pump_poll()::xid8 <= pg_current_xact_id(), 'not above this transaction''s');

select * from finish();
rollback;
