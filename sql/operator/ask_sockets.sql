-- Who is connected.

create or replace function rt.ask_sockets(
	p_user uuid default null,
	p_socket text default null,
	p_room text default null,
	p_limit int default 100)
returns uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select rt_private.ask('sockets', jsonb_build_object('limit', rt_private.ask_limit(p_limit))
		|| case when num_nonnulls(p_user, p_socket, p_room) = 0 then '{}'
			else rt_private.ask_whom(p_user, p_socket, p_room) end)
$$;
comment on function rt.ask_sockets(uuid, text, text, int) is
	'Asks every edge for sockets: of a user, one, those in a room, or (all null) any. At most p_limit of each '
	'edge. Commit, then rt.answers. RT400, RT429.';
