-- rt.bell_disarm.
begin;
select plan(2);

create function pg_temp.held() returns bigint language sql as $$
	select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted $$;
select rt.bell_arm();
select is(pg_temp.held(), 1::bigint, 'armed');
select rt.bell_disarm();
select is(pg_temp.held(), 0::bigint, 'nothing is held any more');

select * from finish();
rollback;
