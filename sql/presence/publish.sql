-- The events user:online and user:offline. Whether one is due is decided where sockets open and close. These functions
-- have no search_path of their own: their callers have one.

create or replace function rt_private.presence_events(p_users uuid[], p_free uuid[], p_online boolean, p_at timestamptz)
returns table (rooms text[], except_rooms text[], data jsonb)
language sql stable
as $$
	-- People in the user's chats and followers hear it in rooms that they are in anyway; followed people in their
	-- own.
	select case when h.hidden then array['followers:' || q.id]
			|| array(
				select 'participants:' || p.chat_id from platform.chat_participants p
				where p.user_id = q.id)
			|| array(select 'user:' || f.followee_id from platform.follows f where f.follower_id = q.id)
		end,
		case when h.hidden then array['user:' || q.id] else '{}' end,
		jsonb_build_object('user_id', q.id, 'online', p_online, 'last_seen', rt_private.iso(
			coalesce((select u.last_seen_at from platform.users u where u.id = q.free), p_at)))
	from unnest(p_users, p_free) with ordinality q (id, free, n)
	cross join lateral (
		select rt_private.setting('presence_audience') = 'contacts' or rt_private.is_verifying(q.id)
	) h (hidden)
	order by q.n
$$;
comment on function rt_private.presence_events(uuid[], uuid[], boolean, timestamptz) is
	'The events of presence_publish, one for each user in their order; free: the same user, null where the time is '
	'p_at.';

create or replace function rt_private.presence_publish(p_users uuid[], p_online boolean) returns void
language plpgsql volatile
as $$
declare
	v_at    constant timestamptz := clock_timestamp();
	v_event constant text := case when p_online then 'user:online' else 'user:offline' end;
	v_free  uuid[];
	v_done  boolean;
begin
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
	elsif cardinality(p_users) = 1 then
		select rt_private.outbox_insert(e.rooms, e.except_rooms, v_event, e.data, null, null, false)
		into strict v_done
		from rt_private.presence_events(p_users, v_free, p_online, v_at) e;
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
