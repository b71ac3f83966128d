-- The edge is awake again.

create or replace function rt.bell_disarm() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select case when pg_advisory_unlock_shared(rt_private.bell_key()) then null end $$;
comment on function rt.bell_disarm() is 'The edge polls: writers need not ring for it.';
