-- Rooms that rows grant.

-- They are queries, so that the planner inlines them: no call is materialised.
create or replace function rt_private.rooms_around(p_user uuid, p_own text, p_followed text) returns table (room text)
language sql stable
as $$
	select p_own || p_user
	union all
	select 'participants:' || p.chat_id from platform.chat_participants p where p.user_id = p_user
	union all
	select p_followed || f.followee_id from platform.follows f where f.follower_id = p_user
$$;
comment on function rt_private.rooms_around(uuid, text, text) is
	'The rooms that a user hears, by rows (user:, followers:), or those that hear of the user (followers:, user:): '
	'one''s own, one''s chats, and one for each whom the user follows.';

-- The rooms that hear of a user are those that the user hears, seen from the other end.
create or replace function rt_private.rooms_turned(p_rooms text) returns text[]
language sql immutable
return string_to_array(
	replace(replace(replace(p_rooms, 'user:', '|'), 'followers:', 'user:'), '|', 'followers:'), e'\n');
comment on function rt_private.rooms_turned(text) is
	'rt_private.rooms_around the one way, joined by newline, as an array of those the other way.';

create or replace function rt_private.user_rooms_granted(p_users uuid[])
	returns table (user_id uuid, active boolean, rooms text[])
language sql stable
as $$
	select q.id, u.id is not null, case when u.id is null then '{}'
		else array(select r.room from rt_private.rooms_around(u.id, 'user:', 'followers:') r) end
	from unnest(p_users) as q(id)
	left join lateral (
		select a.id from platform.users a where a.id = q.id and a.disabled_at is null offset 0
	) u on true
$$;
comment on function rt_private.user_rooms_granted(uuid[]) is
	'One row for each user: active (exists and is not disabled), and the rooms the rows grant: user:, '
	'participants:, followers:. Inactive: none.';

create or replace function rt_private.user_rooms(p_users uuid[]) returns table (user_id uuid, active boolean, rooms text[])
language sql stable
as $$
	select g.user_id, g.active,
		g.rooms || case when g.active and exists (select from bellwire.room_sources)
			then coalesce((select o.rooms from rt_private.rooms_sourced(array[g.user_id]) o), '{}') else '{}' end
	from rt_private.user_rooms_granted(p_users) g
$$;
comment on function rt_private.user_rooms(uuid[]) is
	'rt_private.user_rooms_granted with the rooms of a service''s own (own:).';

-- For tables whose rows put a user into a room. Arguments: the room's family, the columns of the room's id and of the
-- user.
create or replace function rt_private.rooms_moved() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_columns constant text := format('select t.%I, t.%I', tg_argv[1], tg_argv[2]);
	v_ids     uuid[];
	v_users   uuid[];
	v_id      uuid;
	v_user    uuid;
begin
	if rt_private.is_silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	if tg_op <> 'INSERT' then
		for v_id, v_user in execute c_columns || ' from old_rows t'
			|| case tg_op when 'UPDATE' then ' except ' || c_columns || ' from new_rows t' else '' end || ' order by 1, 2'
		loop
			perform rt_private.user_leave(v_user, tg_argv[0] || ':' || v_id);
			if tg_argv[0] = 'participants' then
				-- a user who is no participant any more must not stay in the chat's room
				perform rt_private.user_leave(v_user, 'chat:' || v_id);
			end if;
		end loop;
	end if;
	if tg_op <> 'DELETE' then
		execute format('select array_agg(j.id), array_agg(j.user_id) from (%s from new_rows t%s) j (id, user_id)',
			c_columns, case tg_op when 'UPDATE' then ' except ' || c_columns || ' from old_rows t' end)
		into v_ids, v_users;
		-- who left in this transaction and is back was never away: the sockets that joined chat: stay there
		for v_id, v_user in
			select * from unnest(v_ids, v_users)
			except select * from rt_private.leaves_undo(tg_argv[0], v_ids, v_users)
			order by 1, 2
		loop
			perform rt_private.user_join(v_user, tg_argv[0] || ':' || v_id);
		end loop;
	end if;
	return null;
end
$$;
comment on function rt_private.rooms_moved() is
	'After rows of a statement came or went: the sockets of their users enter <family>:<id>, or leave it (and '
	'chat:<id>, where the family is participants). Who leaves and comes back in one transaction stays.';

create or replace function rt_private.rooms_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	perform rt_private.rooms_stale(null);
	return null;
end
$$;
comment on function rt_private.rooms_truncated() is
	'TRUNCATE names no rows: the edges read the rooms of everyone again.';

create or replace function rt.rooms(p_users uuid[]) returns table (user_id text, active boolean, rooms text, snapshot text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_snapshot constant text := pg_current_snapshot()::text;
begin
	return query
	select u.id::text, r.active is true, case when r.active then array_to_string(r.rooms, e'\n') end, v_snapshot
	from unnest(p_users) with ordinality u (id, n) cross join lateral rt_private.user_rooms(array[u.id]) r
	order by u.n;
end
$$;
comment on function rt.rooms(uuid[]) is
	'Rooms of users as their rows grant them now, without those that sockets join (chat:); one row a user, in the '
	'order asked.';
