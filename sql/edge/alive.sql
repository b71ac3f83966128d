-- Which edges are registered, and the advisory lock that shows that one is alive.

create or replace function rt_private.alive_class() returns int
language sql immutable set search_path = pg_catalog, pg_temp
as $$ select 1650814060 $$;
comment on function rt_private.alive_class() is
	'First key of the advisory lock (class, bellwire.edges.n) that an edge''s pump holds: "bell" in ASCII. With a '
	'second key below zero it is the lock of one who may work alone: -1 rotate, -2 routes_compile, '
	'-3 settings_compile, -4 clock_check.';

create or replace function rt_private.edge_alive(p_edge uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
	select exists (
		select from bellwire.edges e
		join pg_locks l on l.locktype = 'advisory' and l.granted and l.objsubid = 2
			and l.database = (select d.oid from pg_database d where d.datname = current_database())
			and l.classid = rt_private.alive_class()::oid and l.objid = e.n::oid
		where e.edge_id = p_edge)
$$;
comment on function rt_private.edge_alive(uuid) is
	'Does the edge''s pump hold its lock? A lease may still run after the process has gone, the lock does not.';

-- It has no search_path of its own: its callers have one.
create or replace function rt_private.edge_check(p_edge uuid) returns void
language plpgsql stable
as $$
begin
	-- a lease that was swept is '-infinity': what is left of that edge belongs to everybody
	if not exists (select from bellwire.edges e where e.edge_id = p_edge and e.seen_at <> '-infinity') then
		raise exception 'edge % is not registered', p_edge
			using errcode = 'RT410', hint = 'rt.pump_open registers it.';
	end if;
end
$$;
comment on function rt_private.edge_check(uuid) is
	'RT410 where the edge is not registered, or was swept: nobody would ever sweep its sockets.';
