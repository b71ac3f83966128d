-- Sockets that open and close, their rooms, presence (design section 3, contract 2.6 and 4).

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
comment on function rt_private.edge_alive(uuid) is 'Does the edge''s pump hold its lock? The lease may still run when the process is gone.';

-- Presence rows of these users, locked in one order: transitions of one user never cross.
create or replace function rt_private.presence_lock(p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	insert into bellwire.presence (user_id)
	select u from (select distinct unnest(p_users) as u) x order by u
	on conflict (user_id) do nothing;
	perform from bellwire.presence p where p.user_id = any(p_users) order by p.user_id for no key update;
end
$$;
comment on function rt_private.presence_lock(uuid[]) is 'Locks (and makes) presence rows, sorted.';

create or replace function rt_private.presence_online(p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_user uuid;
begin
	for v_user in
		update bellwire.presence p set online = true, offline_due = null
		from (select q.user_id, q.online from bellwire.presence q where q.user_id = any(p_users)) was
		where p.user_id = was.user_id and (not p.online or p.offline_due is not null)
		returning case when not was.online then p.user_id end
	loop
		if v_user is not null then
			perform rt_private.presence_publish(v_user, true);
		end if;
	end loop;
end
$$;
comment on function rt_private.presence_online(uuid[]) is 'These users have a socket: announced, unless they already are. Their presence rows are locked.';

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
		-- once an edge, not a socket: with a thousand of them a user would hold up everybody's opening (offset 0: or the planner
		-- asks before it makes them distinct)
		select from (select distinct s.edge_id from bellwire.sockets s where s.user_id = p_user offset 0) x
		where not rt_private.edge_alive(x.edge_id)) then
		return 'reconnection';
	end if;
	return 'connection_established';
end
$$;
comment on function rt_private.reason(uuid, boolean) is 'Reason of sync:required, the first that fits (contract 2.6).';

create or replace function rt.socket_open(p_edge uuid, p_sockets text[])
returns table (ord int, ok boolean, rooms text, reason text, snapshot text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
	-- older than every row read below: control rows it does not see are applied on top, in order, which is right
	-- also for those that are in the rooms already
	v_snapshot constant text := pg_current_snapshot()::text;
	v_users uuid[];
begin
	-- No lock: a user who is being disabled or deleted at this moment is ended by the control row of that, which the snapshot does
	-- not see. Whoever else holds the row would stop all connecting.
	select array_agg(distinct u.id) into v_users from platform.users u
	where u.id in (select (s.j::jsonb ->> 'user_id')::uuid from unnest(p_sockets) s (j)) and u.disabled_at is null;
	v_users := coalesce(v_users, '{}');
	perform rt_private.presence_lock(v_users);
	return query
	select s.n::int, r.active is true, case when r.active then array_to_string(r.rooms, e'\n') end,
		case when r.active then rt_private.reason(r.user_id, coalesce((s.j::jsonb ->> 'recovery')::boolean, false)) end, v_snapshot
	from unnest(p_sockets) with ordinality s (j, n)
	left join rt_private.user_rooms(v_users) r on r.user_id = (s.j::jsonb ->> 'user_id')::uuid
	order by s.n;
	insert into bellwire.sockets (socket_id, edge_id, user_id)
	select s.j::jsonb ->> 'socket_id', p_edge, (s.j::jsonb ->> 'user_id')::uuid
	from unnest(p_sockets) s (j) where (s.j::jsonb ->> 'user_id')::uuid = any(v_users)
	on conflict (socket_id) do update set edge_id = excluded.edge_id, user_id = excluded.user_id;
	-- what the socket's reason was made of is used up
	update bellwire.presence p set expired_token_at = null, ended_by_expiry = false
	where p.user_id = any(v_users) and (p.expired_token_at is not null or p.ended_by_expiry);
	perform rt_private.recovery_register(p_sockets, v_users);
	perform rt_private.presence_online(v_users);
end
$$;
comment on function rt.socket_open(uuid, text[]) is
	'Sockets {socket_id, user_id, recovery, pid?} of this edge open. A row each: ok (user exists and is active), rooms joined by newline, reason for sync:required, snapshot: control rows that it does not see are to be applied to the rooms.';

create or replace function rt.socket_register(p_edge uuid, p_sockets text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
	v_users uuid[];
begin
	select array_agg(distinct (s.j::jsonb ->> 'user_id')::uuid) into v_users from unnest(p_sockets) s (j);
	v_users := array(select u.id from platform.users u where u.id = any(v_users) and u.disabled_at is null);
	perform rt_private.presence_lock(v_users);
	insert into bellwire.sockets (socket_id, edge_id, user_id)
	select s.j::jsonb ->> 'socket_id', p_edge, (s.j::jsonb ->> 'user_id')::uuid
	from unnest(p_sockets) s (j) where (s.j::jsonb ->> 'user_id')::uuid = any(v_users)
	on conflict (socket_id) do update set edge_id = excluded.edge_id;
	perform rt_private.presence_online(v_users);
end
$$;
comment on function rt.socket_register(uuid, text[]) is
	'After an outage: live sockets {socket_id, user_id} of this edge are entered again (the table does not survive a crash).';

create or replace function rt_private.sockets_gone(p_users uuid[], p_grace text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_due constant timestamptz := clock_timestamp() + make_interval(secs => p_grace::double precision);
begin
	-- a statement of its own: its snapshot is younger than the locks on the presence rows
	update bellwire.presence p set offline_due = v_due
	where p.user_id = any(p_users) and p.online and p.offline_due is null
		and not exists (select from bellwire.sockets s where s.user_id = p.user_id);
end
$$;
comment on function rt_private.sockets_gone(uuid[], text) is 'Users of whom no socket is left get p_grace seconds. Their presence rows are locked.';

create or replace function rt_private.presence_forget(p_users uuid[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	delete from bellwire.presence p
	where p.user_id = any(p_users) and not p.online
		and not exists (select from platform.users u where u.id = p.user_id)
		and not exists (select from bellwire.sockets s where s.user_id = p.user_id)
$$;
comment on function rt_private.presence_forget(uuid[]) is 'The presence rows of deleted users go once their end has been told. Those rows are locked.';

create or replace function rt_private.presence_offline(p_users uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_user uuid;
begin
	for v_user in
		update bellwire.presence p set online = false, offline_due = null
		where p.user_id = any(p_users) and p.online and not exists (select from bellwire.sockets s where s.user_id = p.user_id)
		returning p.user_id
	loop
		perform rt_private.presence_publish(v_user, false);
	end loop;
	update bellwire.presence p set offline_due = null
	where p.user_id = any(p_users) and p.offline_due is not null
		and exists (select from bellwire.sockets s where s.user_id = p.user_id);
	perform rt_private.presence_forget(p_users);
end
$$;
comment on function rt_private.presence_offline(uuid[]) is 'Announces those offline who have no socket. Their presence rows are locked.';

create or replace function rt.socket_close(p_edge uuid, p_sockets text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s'
as $$
declare
	v_users uuid[];
	v_clean uuid[];
	v_unclean uuid[];
	v_expired uuid[];
begin
	select array_agg(distinct (s.j::jsonb ->> 'user_id')::uuid),
		array_agg(distinct (s.j::jsonb ->> 'user_id')::uuid) filter (where (s.j::jsonb ->> 'clean')::boolean),
		array_agg(distinct (s.j::jsonb ->> 'user_id')::uuid) filter (where not (s.j::jsonb ->> 'clean')::boolean),
		array_agg(distinct (s.j::jsonb ->> 'user_id')::uuid) filter (where s.j::jsonb ->> 'why' = 'token_expired')
		into v_users, v_clean, v_unclean, v_expired
	from unnest(p_sockets) s (j);
	perform rt_private.presence_lock(v_users);
	delete from bellwire.sockets k using unnest(p_sockets) s (j)
	where k.socket_id = s.j::jsonb ->> 'socket_id' and k.edge_id = p_edge;
	update bellwire.presence p set ended_at = clock_timestamp(), ended_by_expiry = p.user_id = any(coalesce(v_expired, '{}')),
		unclean_at = case when p.user_id = any(coalesce(v_unclean, '{}')) then clock_timestamp() else p.unclean_at end
	where p.user_id = any(v_users);
	perform rt_private.recovery_end(p_sockets);
	perform rt_private.sockets_gone(v_unclean, rt_private.setting('presence_grace'));
	-- a clean end has no grace, unless a lost socket of the same user is still within its own
	perform rt_private.presence_offline(array(
		select p.user_id from bellwire.presence p where p.user_id = any(v_clean) and p.online and p.offline_due is null));
	perform rt_private.presence_forget(v_users);
end
$$;
comment on function rt.socket_close(uuid, text[]) is
	'Sockets {socket_id, user_id, clean, over?, why?} of this edge ended. clean: the client said so; over: by an end that cannot be recovered from; why "token_expired" makes the next reason token_refresh.';

create or replace function rt.rooms(p_users uuid[]) returns table (user_id text, active boolean, rooms text, snapshot text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_snapshot constant text := pg_current_snapshot()::text;
begin
	return query
	select u.id::text, r.active is true, case when r.active then array_to_string(r.rooms, e'\n') end, v_snapshot
	from unnest(p_users) with ordinality u (id, n) left join rt_private.user_rooms(p_users) r on r.user_id = u.id
	order by u.n;
end
$$;
comment on function rt.rooms(uuid[]) is 'Rooms of users as their rows grant them now, without those that sockets join (chat:); one row a user, in the order asked.';

create or replace function rt.token_expired(p_user uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
begin
	update bellwire.presence p set expired_token_at = clock_timestamp() where p.user_id = p_user;
	if not found and exists (select from platform.users u where u.id = p_user) then
		insert into bellwire.presence (user_id, expired_token_at) values (p_user, clock_timestamp())
		on conflict (user_id) do update set expired_token_at = excluded.expired_token_at;
	end if;
end
$$;
comment on function rt.token_expired(uuid) is 'An authentic token of this user was refused as expired: the one trace a refused token leaves (contract 2.6).';
