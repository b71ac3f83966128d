-- Ringing for a batch, after its commit.

create or replace function rt.ring() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if rt_private.edge_sleeps() then
		perform pg_notify('bellwire', '');
	end if;
end
$$;
comment on function rt.ring() is 'Rings if an edge sleeps: the edge calls it after a batch that published, as a statement of its own.';
