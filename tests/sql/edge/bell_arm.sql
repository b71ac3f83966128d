-- rt.bell_arm: the lock that makes writers ring. concurrent/bell.mjs tests which writers ring.
begin;
select plan(4);

create function pg_temp.held() returns bigint language sql as $$
	select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and mode = 'ShareLock'
		and granted
		and (classid::bigint << 32) + objid::bigint = rt_private.bell_key() $$;
select is(pg_temp.held(), 0::bigint, 'nobody sleeps');
select results_eq($$select granted, xid from rt.bell_arm()$$, $$values (true, pg_current_xact_id()::text)$$,
	'granted, with an xid taken after the lock');
select is(pg_temp.held(), 1::bigint, 'the lock is held, shared');
select is(encode(int8send(rt_private.bell_key()), 'escape'), 'bellwire', 'its key');
select rt.bell_disarm();

select * from finish();
rollback;
