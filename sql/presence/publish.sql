-- The events user:online and user:offline. Whether one is due is decided where sockets open and close.

create or replace function rt_private.presence_publish(p_user uuid, p_online boolean) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_at     timestamptz := clock_timestamp();
	v_rooms  text[];
	v_except text[] := array[]::text[];
begin
	-- It does not wait: a transaction that holds a user's row must not hold up a batch of sockets, or the leases of
	-- all edges.
	update platform.users u set last_seen_at = greatest(u.last_seen_at, v_at)
	where u.id = (select k.id from platform.users k where k.id = p_user for no key update skip locked)
	returning u.last_seen_at into v_at;
	if not found then
		v_at := clock_timestamp();
		update bellwire.presence p set last_seen_owed = v_at where p.user_id = p_user;
	end if;
	if rt_private.setting('presence_audience') = 'contacts' then
		-- People in the user's chats and followers hear it in rooms that they are in anyway; followed people in
		-- their own.
		v_rooms := array['followers:' || p_user]
			|| array(select 'participants:' || p.chat_id from platform.chat_participants p where p.user_id = p_user)
			|| array(select 'user:' || f.followee_id from platform.follows f where f.follower_id = p_user);
		v_except := array['user:' || p_user];
	end if;
	perform rt_private.publish(v_rooms, case when p_online then 'user:online' else 'user:offline' end,
		jsonb_build_object('user_id', p_user, 'online', p_online, 'last_seen', rt_private.iso(v_at)),
		p_except => v_except);
end
$$;
comment on function rt_private.presence_publish(uuid, boolean) is
	'user:online or user:offline {user_id, online, last_seen} to everyone, or to contacts (setting '
	'presence_audience: people who share a chat or follow either way); sets users.last_seen_at to now, or (the '
	'row is locked by somebody) leaves that to rt.sweep.';
