-- An edge ends.

create or replace function rt_private.edge_sweep(p_edge uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	-- its lease is over, whatever is left of it belongs to everybody
	update bellwire.edges e set seen_at = '-infinity' where e.edge_id = p_edge;
	select rt_private.edges_sweep(array[p_edge]);
$$;
comment on function rt_private.edge_sweep(uuid) is 'An edge is no more: rt.sweep, anybody''s, finds what is left of it after a first portion.';

create or replace function rt.edge_close(p_edge uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select rt_private.edge_sweep(p_edge) $$;
comment on function rt.edge_close(uuid) is 'This edge ends.';
