-- A run lives.

create or replace function rt.verify_renew(p_run uuid) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	update bellwire.verify_runs r set alive_until = clock_timestamp() + interval '30 s'
	where r.run = p_run and r.alive_until > clock_timestamp()
	returning true
$$;
comment on function rt.verify_renew(uuid) is
	'The run lives for half a minute more. Null: it is over, and what it had made may be gone.';
