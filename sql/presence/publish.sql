-- The events user:online and user:offline. Whether one is due is decided where sockets open and close. These functions
-- have no search_path of their own: their callers have one.

create or replace function rt_private.presence_data(p_user uuid, p_online boolean, p_seen timestamptz) returns jsonb
language sql stable
return jsonb_build_object('user_id', p_user, 'online', p_online, 'last_seen', rt_private.iso(p_seen));
comment on function rt_private.presence_data(uuid, boolean, timestamptz) is
	'The payload of user:online and user:offline.';

create or replace function rt_private.presence_events(p_users uuid[], p_free uuid[], p_online boolean, p_at timestamptz)
returns table (rooms text[], except_rooms text[], data jsonb)
language sql stable
as $$
	-- People in the user's chats and followers hear it in rooms that they are in anyway; followed people in their
	-- own.
	select case when h.hidden
			then array(select r.room from rt_private.rooms_around(q.id, 'followers:', 'user:') r) end,
		case when h.hidden then array['user:' || q.id] else '{}' end,
		rt_private.presence_data(q.id, p_online,
			coalesce((select u.last_seen_at from platform.users u where u.id = q.free), p_at))
	from unnest(p_users, p_free) with ordinality q (id, free, n)
	cross join lateral (
		select rt_private.setting('presence_audience') = 'contacts' or rt_private.is_verifying(q.id)
	) h (hidden)
	order by q.n
$$;
comment on function rt_private.presence_events(uuid[], uuid[], boolean, timestamptz) is
	'The events of presence_publish, one for each user in their order; free: the same user, null where the time is '
	'p_at.';

-- What presence_publish does for many, without arrays: nearly all openings and ends come alone.
create or replace function rt_private.presence_tell(p_user uuid, p_online boolean, p_rooms text) returns boolean
language plpgsql volatile
as $$
declare
	v_seen     timestamptz;
	v_everyone boolean;
	v_rooms    text[];
	v_done     boolean;
begin
	-- It does not wait: a transaction that holds a user's row must not hold up the opening of a socket. The row is
	-- where its lock has found it. One that was changed a moment ago is not seen there yet: it is left to
	-- rt.sweep, as one that is locked.
	update platform.users u set last_seen_at = greatest(u.last_seen_at, clock_timestamp())
	where u.ctid = (select x.ctid from platform.users x where x.id = p_user for no key update skip locked)
	returning u.last_seen_at into v_seen;
	if v_seen is null then
		update bellwire.presence p set last_seen_owed = clock_timestamp() where p.user_id = p_user;
	end if;
	if rt_private.is_silent() then
		perform rt_private.silent_note();
		return v_seen is not null;
	end if;
	if rt_private.setting('presence_audience') <> 'contacts' then
		-- rt_private.is_verifying, which is no expression of its own
		v_everyone := not exists (select from bellwire.verify_people v where v.user_id = p_user);
	end if;
	if v_everyone then
		null;
	elsif p_rooms is null then
		v_rooms := array(select r.room from rt_private.rooms_around(p_user, 'followers:', 'user:') r);
	else
		v_rooms := rt_private.rooms_turned(p_rooms);
	end if;
	v_done := rt_private.outbox_insert(v_rooms,
		case when v_rooms is null then '{}' else array['user:' || p_user] end,
		case when p_online then 'user:online' else 'user:offline' end,
		rt_private.presence_data(p_user, p_online, coalesce(v_seen, clock_timestamp())), null, null, false);
	return v_seen is not null;
end
$$;
comment on function rt_private.presence_tell(uuid, boolean, text) is
	'presence_publish for one user. rooms: those that the user hears, joined by newline, where they are known. '
	'False: the user''s row is locked by somebody, or is not there.';

create or replace function rt_private.presence_publish(p_users uuid[], p_online boolean) returns void
language plpgsql volatile
as $$
declare
	v_at    constant timestamptz := clock_timestamp();
	v_event constant text := case when p_online then 'user:online' else 'user:offline' end;
	v_free  uuid[];
begin
	if cardinality(p_users) = 1 then
		perform rt_private.presence_tell(p_users[1], p_online, null);
		return;
	end if;
	-- It does not wait: a transaction that holds a user's row must not hold up a batch of sockets, or the leases of
	-- all edges.
	v_free := array(
		select (select u.id from platform.users u where u.id = q.id for no key update skip locked)
		from unnest(p_users) with ordinality q (id, n) order by q.n);
	update platform.users u set last_seen_at = greatest(u.last_seen_at, v_at) where u.id = any(v_free);
	if array_position(v_free, null) is not null then
		update bellwire.presence p set last_seen_owed = v_at
		where p.user_id = any(p_users) and p.user_id <> all(array_remove(v_free, null));
	end if;
	if rt_private.is_silent() then
		perform rt_private.silent_note();
	else
		perform rt_private.outbox_ready();
		insert into bellwire.outbox (slot, epoch, at, rooms, except_rooms, event, data)
		select rt_private.outbox_slot(v_at), x.n, v_at, e.rooms, e.except_rooms, v_event, e.data
		from bellwire.epoch x, rt_private.presence_events(p_users, v_free, p_online, v_at) e;
	end if;
end
$$;
comment on function rt_private.presence_publish(uuid[], boolean) is
	'user:online or user:offline {user_id, online, last_seen} of each user to everyone, or to contacts (setting '
	'presence_audience: people who share a chat or follow either way); sets users.last_seen_at to now, or (the '
	'row is locked by somebody) leaves that to rt.sweep.';
