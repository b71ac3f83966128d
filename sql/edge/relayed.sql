-- What an edge has relayed to its own sockets, for the other edges.

create or replace function rt.relayed(p_edge uuid, p_events jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_done boolean;
begin
	v_done := rt_private.outbox_insert('{}', '{}', null, jsonb_build_object('edge_id', p_edge, 'events', p_events),
		null, p_control => 'relayed', p_ephemeral => true);
end
$$;
comment on function rt.relayed(uuid, jsonb) is
	'Events {event, room, except, data} that this edge has relayed to its own sockets: one row for the other edges. '
	'Costs no WAL, and a crash may lose it.';
