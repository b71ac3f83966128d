-- Who hears that somebody came or went. Whether somebody did is decided where sockets open and close.

create or replace function rt_private.presence_publish(p_user uuid, p_online boolean) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_at     timestamptz := clock_timestamp();
	v_rooms  text[];
	v_except text[] := '{}';
begin
	update platform.users u set last_seen_at = greatest(u.last_seen_at, v_at) where u.id = p_user
	returning u.last_seen_at into v_at;
	if rt_private.setting('presence_audience') = 'contacts' then
		-- chats and followers by the rooms they are in anyway; followed people by their own
		v_rooms := array['followers:' || p_user]
			|| array(select 'participants:' || p.chat_id from platform.chat_participants p where p.user_id = p_user)
			|| array(select 'user:' || f.followee_id from platform.follows f where f.follower_id = p_user);
		v_except := array['user:' || p_user];
	end if;
	perform rt_private.publish(v_rooms, case when p_online then 'user:online' else 'user:offline' end,
		jsonb_build_object('user_id', p_user, 'online', p_online, 'last_seen', rt_private.iso(coalesce(v_at, clock_timestamp()))),
		p_except => v_except);
end
$$;
comment on function rt_private.presence_publish(uuid, boolean) is
	'user:online or user:offline {user_id, online, last_seen} to everyone, or to contacts (setting presence_audience: people who share a chat or follow either way); sets users.last_seen_at to now.';
