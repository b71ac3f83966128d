-- Sockets that were open before an outage.

create or replace function rt.socket_register(p_edge uuid, p_sockets text[]) returns table (ord int)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
	v_users uuid[];
	v_held uuid[];
begin
	perform rt_private.edge_check(p_edge);
	v_users := array(select s.user_id from rt_private.sockets_parse(p_sockets) s);
	v_users := array(select u.id from platform.users u where u.id = any(v_users) and u.disabled_at is null);
	v_held := rt_private.presence_hold(v_users);
	return query
	select s.n from rt_private.sockets_parse(p_sockets) s
	where s.user_id = any(v_users) and s.user_id <> all(v_held) order by s.n;
	v_users := v_held;
	insert into bellwire.sockets (socket_id, edge_id, user_id)
	select s.socket_id, p_edge, s.user_id from rt_private.sockets_parse(p_sockets) s where s.user_id = any(v_users)
	on conflict (socket_id) do update set edge_id = excluded.edge_id;
	perform rt_private.presence_online(v_users, false);
end
$$;
comment on function rt.socket_register(uuid, text[]) is
	'After an outage: live sockets {socket_id, user_id} of this edge are entered again (the table does not survive '
	'a crash). '
	'RT410: the edge is not registered. Returns those whose user''s presence somebody else holds: they come again.';
