-- An edge ends.

create or replace function rt_private.edge_sweep(p_edge uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	-- The lease is over: rt.sweep of any edge takes what is left.
	update bellwire.edges e set seen_at = '-infinity' where e.edge_id = p_edge;
	select rt_private.edges_sweep(array[p_edge]);
$$;
comment on function rt_private.edge_sweep(uuid) is
	'An edge has ended: a first portion of its sockets goes now, and rt.sweep of any edge takes the rest.';

create or replace function rt.edge_close(p_edge uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select rt_private.edge_sweep(p_edge) $$;
comment on function rt.edge_close(uuid) is 'This edge ends.';
