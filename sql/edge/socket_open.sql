-- Sockets that open.

-- A set of one row: the planner inlines it where it stands in FROM.
create or replace function rt_private.reason(p_user uuid, p_recovery boolean) returns table (reason text)
language sql stable
as $$
	select case
		when (p.ended_by_expiry and p.ended_at > t.since) or p.expired_token_at > t.since then 'token_refresh'
		when p_recovery or p.unclean_at > t.since or (
			-- edge_alive is asked once per edge and not per socket: a user with a thousand sockets would hold
			-- up everybody's opening. The second "offset 0" keeps the planner from asking before it makes the
			-- edges distinct, the first one from making them so by the index of all edges.
			select true
			from (
				select distinct k.edge_id
				from (select s.edge_id from bellwire.sockets s where s.user_id = p_user offset 0) k
				offset 0
			) x
			where not rt_private.edge_alive(x.edge_id) limit 1) then 'reconnection'
		else 'connection_established' end
	from (select clock_timestamp() - interval '2 minutes' as since offset 0) t
	left join lateral (
		select a.ended_by_expiry, a.ended_at, a.expired_token_at, a.unclean_at
		from bellwire.presence a where a.user_id = p_user offset 0
	) p on true
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
	v_ids   text[];
	v_of    uuid[]; -- whose they are
	v_again boolean[];
	v_pids  text[];
	v_users uuid[];
	v_held  uuid[];
	v_own   jsonb; -- their rooms of a service's own; null: there are no sources
begin
	perform rt_private.edge_check(p_edge);
	select array_agg(s.socket_id), array_agg(s.user_id), array_agg(coalesce(s.recovery, false)), array_agg(s.pid)
	into v_ids, v_of, v_again, v_pids
	from rt_private.sockets_parse(p_sockets) s;
	-- The rows are not locked: any other holder of such a lock would stop all connecting. A user who is being
	-- disabled or deleted at this moment is ended by the control row about it, which the snapshot does not see.
	v_users := array(select u.id from platform.users u where u.id = any(v_of) and u.disabled_at is null);
	v_held := rt_private.presence_hold(v_users);
	if exists (select from bellwire.room_sources) then
		-- a source is asked once for all of them
		select jsonb_object_agg(o.user_id, o.rooms) into v_own from rt_private.rooms_sourced(v_held) o;
	end if;
	return query
	select s.n::int, coalesce(r.active, false), case when r.active then array_to_string(
			r.rooms || array(select jsonb_array_elements_text(v_own -> s.user_id::text)), e'\n') end,
		case when r.active then y.reason else rt.user_state(s.user_id) end, v_snapshot
	from unnest(v_of, v_again) with ordinality s (user_id, again, n)
	left join lateral rt_private.user_rooms_granted(array[s.user_id]) r on s.user_id = any(v_held)
	cross join lateral rt_private.reason(s.user_id, s.again) y
	where s.user_id = any(v_held) or s.user_id <> all(v_users)
	order by s.n;
	insert into bellwire.sockets (socket_id, edge_id, user_id)
	select s.socket_id, p_edge, s.user_id
	from unnest(v_ids, v_of) s (socket_id, user_id)
	where s.user_id = any(v_held)
	on conflict (socket_id) do update set edge_id = excluded.edge_id, user_id = excluded.user_id;
	perform rt_private.recovery_register(v_ids, v_of, v_pids, v_held);
	perform rt_private.presence_online(v_held, true);
end
$$;
comment on function rt.socket_open(uuid, text[]) is
	'Sockets {socket_id, user_id, recovery, pid?} of this edge open. RT410: it is not registered. A row each, but '
	'for those whose user''s presence somebody else holds (they come again): ok (user exists and is active), '
	'rooms joined by newline, reason for sync:required (not ok: disabled or unknown), snapshot: control rows that it '
	'does not see are to be applied to the rooms.';
