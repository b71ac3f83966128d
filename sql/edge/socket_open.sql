-- Sockets that open.

create or replace function rt_private.reason(p_user uuid, p_recovery boolean) returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_since constant timestamptz := clock_timestamp() - interval '2 minutes';
	v bellwire.presence;
begin
	select p.* into v from bellwire.presence p where p.user_id = p_user;
	if (v.ended_by_expiry and v.ended_at > v_since) or v.expired_token_at > v_since then
		return 'token_refresh';
	end if;
	if p_recovery or v.unclean_at > v_since or exists (
		-- edge_alive is asked once per edge and not per socket: a user with a thousand sockets would hold up
		-- everybody's opening. The second "offset 0" keeps the planner from asking before it makes the edges
		-- distinct, the first one from making them so by the index of all edges.
		select from (
			select distinct k.edge_id
			from (select s.edge_id from bellwire.sockets s where s.user_id = p_user offset 0) k
			offset 0
		) x
		where not rt_private.edge_alive(x.edge_id)) then
		return 'reconnection';
	end if;
	return 'connection_established';
end
$$;
comment on function rt_private.reason(uuid, boolean) is
	'Reason of sync:required, the first that fits (docs/connecting.md, "The reason of sync:required").';

create or replace function rt.socket_open(p_edge uuid, p_sockets text[])
returns table (ord int, ok boolean, rooms text, reason text, snapshot text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
	-- The snapshot is older than every row that is read below. The edge applies the control rows that it does not
	-- see to the rooms, in order; that is right too for changes that the rooms have already.
	v_snapshot constant text := pg_current_snapshot()::text;
	v_users uuid[];
	v_held uuid[];
begin
	perform rt_private.edge_check(p_edge);
	-- The rows are not locked: any other holder of such a lock would stop all connecting. A user who is being
	-- disabled or deleted at this moment is ended by the control row about it, which the snapshot does not see.
	v_users := array(select distinct s.user_id from rt_private.sockets_parse(p_sockets) s);
	v_users := array(select u.id from platform.users u where u.id = any(v_users) and u.disabled_at is null);
	v_held := rt_private.presence_hold(v_users);
	return query
	select s.n, r.active is true, case when r.active then array_to_string(r.rooms, e'\n') end,
		case
			when r.active then rt_private.reason(r.user_id, coalesce(s.recovery, false))
			else rt.user_state(s.user_id)
		end,
		v_snapshot
	from (select p.n, p.user_id, p.recovery from rt_private.sockets_parse(p_sockets) p offset 0) s -- parsed once
	left join rt_private.user_rooms(v_held) r on r.user_id = s.user_id
	where s.user_id = any(v_held) or s.user_id <> all(v_users)
	order by s.n;
	v_users := v_held;
	insert into bellwire.sockets (socket_id, edge_id, user_id)
	select s.socket_id, p_edge, s.user_id from rt_private.sockets_parse(p_sockets) s where s.user_id = any(v_users)
	on conflict (socket_id) do update set edge_id = excluded.edge_id, user_id = excluded.user_id;
	-- the facts that made the reason token_refresh are used up
	update bellwire.presence p set expired_token_at = null, ended_by_expiry = false
	where p.user_id = any(v_users) and (p.expired_token_at is not null or p.ended_by_expiry);
	perform rt_private.recovery_register(p_sockets, v_users);
	perform rt_private.presence_online(v_users);
end
$$;
comment on function rt.socket_open(uuid, text[]) is
	'Sockets {socket_id, user_id, recovery, pid?} of this edge open. RT410: it is not registered. A row each, but '
	'for those whose user''s presence somebody else holds (they come again): ok (user exists and is active), '
	'rooms joined by newline, reason for sync:required (not ok: disabled or unknown), snapshot: control rows that it does not see are to be '
	'applied to the rooms.';
