-- A run is over.

create or replace function rt.verify_close(p_run uuid) returns int
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	update bellwire.verify_runs r set alive_until = '-infinity' where r.run = p_run;
	perform rt_private.verify_sweep();
	return (select count(*) from bellwire.verify_people v where v.run = p_run);
end
$$;
comment on function rt.verify_close(uuid) is
	'Removes what the run has made. Returns how many people have still to be forgotten: call it again then.';
