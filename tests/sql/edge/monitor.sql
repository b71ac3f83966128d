-- rt.monitor: figures of the database for the metrics. Advisory locks have no access control, so those that no edge
-- holds are counted.
begin;
select plan(7);

select is((select foreign_locks from rt.monitor()), 0, 'nobody holds a lock of ours');
select pg_advisory_lock_shared(rt_private.bell_key());
select is((select foreign_locks from rt.monitor()), 1, 'this session holds the bell and is no edge''s pump');
select pg_advisory_lock(rt_private.alive_class(), 4711);
select is((select foreign_locks from rt.monitor()), 2, 'and an edge''s sign of life');
select pg_advisory_lock(1, 2), pg_advisory_lock(3);
select is((select foreign_locks from rt.monitor()), 2, 'locks of others are theirs');
insert into bellwire.edges (edge_id, name, pid, backend_start)
values (gen_random_uuid(), 'test', pg_backend_pid(),
	(select backend_start from pg_stat_activity where pid = pg_backend_pid()));
select is((select foreign_locks from rt.monitor()), 0, 'an edge''s pump may');

insert into bellwire.outbox (xid, slot, epoch, rooms, except_rooms, event, data, at)
	values ('4', 0, 1, '{x}', '{}', 'test:x', '{}', clock_timestamp() - interval '90 seconds');
select cmp_ok((select outbox_age from rt.monitor())::numeric, '>=', 90::numeric, 'the age of the oldest row');
select ok(has_function_privilege('bellwire_edge', 'rt.monitor()', 'execute')
	and not has_function_privilege('bellwire_service', 'rt.monitor()', 'execute'), 'for edges');

select * from finish();
rollback;
