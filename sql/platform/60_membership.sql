-- Rows decide rooms: participants, follows and users move live sockets (contract 4 and 6).

create or replace function rt_private.participants_lock() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if not (current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent()) then
		-- The chat's lock first: a message is either before the change, for those who were there, or after it, for those
		-- who are there now (design 8.7). A row that goes is locked already: so nobody who holds the chat waits for it.
		perform from platform.chats c where c.id = any(array[old.chat_id, new.chat_id]) order by c.id for no key update;
	end if;
	if tg_op = 'DELETE' then
		return old;
	end if;
	return new;
end
$$;
comment on function rt_private.participants_lock() is 'Takes the chat''s lock before a participant comes or goes.';

create or replace function rt_private.participants_rooms() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	r record;
begin
	if current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	if tg_op <> 'INSERT' then
		for r in execute case tg_op
			when 'DELETE' then 'select o.chat_id, o.user_id from old_rows o order by 1, 2'
			else 'select o.chat_id, o.user_id from old_rows o except select n.chat_id, n.user_id from new_rows n order by 1, 2' end
		loop
			perform rt_private.user_leave(r.user_id, 'participants:' || r.chat_id);
			perform rt_private.user_leave(r.user_id, 'chat:' || r.chat_id);
		end loop;
	end if;
	if tg_op <> 'DELETE' then
		for r in execute case tg_op
			when 'INSERT' then 'select n.chat_id, n.user_id from new_rows n order by 1, 2'
			else 'select n.chat_id, n.user_id from new_rows n except select o.chat_id, o.user_id from old_rows o order by 1, 2' end
		loop
			perform rt_private.user_join(r.user_id, 'participants:' || r.chat_id);
		end loop;
	end if;
	return null;
end
$$;
comment on function rt_private.participants_rooms() is
	'A participant''s sockets enter participants:<chat>; after the end of participation they leave it and chat:<chat>.';

create or replace function rt_private.follows_rooms() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
	r record;
begin
	if current_setting('bellwire.silent', true) is not distinct from 'on' and rt_private.silent() then
		perform rt_private.silent_note();
		return null;
	end if;
	if tg_op <> 'INSERT' then
		for r in execute case tg_op
			when 'DELETE' then 'select o.follower_id, o.followee_id from old_rows o order by 1, 2'
			else 'select o.follower_id, o.followee_id from old_rows o except select n.follower_id, n.followee_id from new_rows n order by 1, 2' end
		loop
			perform rt_private.user_leave(r.follower_id, 'followers:' || r.followee_id);
		end loop;
	end if;
	if tg_op <> 'DELETE' then
		for r in execute case tg_op
			when 'INSERT' then 'select n.follower_id, n.followee_id from new_rows n order by 1, 2'
			else 'select n.follower_id, n.followee_id from new_rows n except select o.follower_id, o.followee_id from old_rows o order by 1, 2' end
		loop
			perform rt_private.user_join(r.follower_id, 'followers:' || r.followee_id);
		end loop;
	end if;
	return null;
end
$$;
comment on function rt_private.follows_rooms() is 'A follower''s sockets are in followers:<followee> while the row exists.';

create or replace function rt_private.users_lock() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if coalesce(current_setting('bellwire.silent', true) = 'on' and rt_private.silent(), false) is false then
		-- Sorted, as everybody locks them; the cascade would take them in the order of its rows. The user's own row is locked by
		-- now, and a message that has its chat may want its sender: rt.dispatch defers that item, others can get a 40P01.
		perform from platform.chats c
		where c.id in (select p.chat_id from platform.chat_participants p where p.user_id = old.id) order by c.id for no key update;
	end if;
	return old;
end
$$;
comment on function rt_private.users_lock() is 'A user who is deleted leaves chats: locks them first, sorted.';

create or replace function rt_private.users_kick() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	perform rt_private.user_kick(old.id, case when tg_op = 'UPDATE' and new.id = old.id then 'disabled' else 'deleted' end);
	if tg_op = 'DELETE' then
		-- who is online goes offline first, and who comes or goes at this moment is forgotten then (rt_private.presence_forget)
		delete from bellwire.presence p
		where p.user_id = (select q.user_id from bellwire.presence q where q.user_id = old.id and not q.online for update skip locked);
	end if;
	return null;
end
$$;
comment on function rt_private.users_kick() is 'A user who is deleted or disabled loses all sockets (contract 2.8).';

create or replace function rt_private.rooms_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	perform rt_private.rooms_stale(null);
	return null;
end
$$;
comment on function rt_private.rooms_truncated() is 'TRUNCATE names no rows: the edges read the rooms of everyone again.';

select bellwire.ensure_trigger('platform.chat_participants', 'participants_lock',
	$$before insert or delete or update of chat_id, user_id on platform.chat_participants for each row execute function rt_private.participants_lock()$$);
select bellwire.ensure_trigger('platform.chat_participants', 'participants_rooms_insert',
	$$after insert on platform.chat_participants referencing new table as new_rows for each statement execute function rt_private.participants_rooms()$$);
select bellwire.ensure_trigger('platform.chat_participants', 'participants_rooms_update',
	$$after update on platform.chat_participants referencing old table as old_rows new table as new_rows for each statement execute function rt_private.participants_rooms()$$);
select bellwire.ensure_trigger('platform.chat_participants', 'participants_rooms_delete',
	$$after delete on platform.chat_participants referencing old table as old_rows for each statement execute function rt_private.participants_rooms()$$);
select bellwire.ensure_trigger('platform.chat_participants', 'participants_truncated',
	$$after truncate on platform.chat_participants for each statement execute function rt_private.rooms_truncated()$$);

select bellwire.ensure_trigger('platform.follows', 'follows_rooms_insert',
	$$after insert on platform.follows referencing new table as new_rows for each statement execute function rt_private.follows_rooms()$$);
select bellwire.ensure_trigger('platform.follows', 'follows_rooms_update',
	$$after update on platform.follows referencing old table as old_rows new table as new_rows for each statement execute function rt_private.follows_rooms()$$);
select bellwire.ensure_trigger('platform.follows', 'follows_rooms_delete',
	$$after delete on platform.follows referencing old table as old_rows for each statement execute function rt_private.follows_rooms()$$);
select bellwire.ensure_trigger('platform.follows', 'follows_truncated',
	$$after truncate on platform.follows for each statement execute function rt_private.rooms_truncated()$$);

select bellwire.ensure_trigger('platform.users', 'users_lock',
	$$before delete on platform.users for each row execute function rt_private.users_lock()$$);
-- By row and with a condition: last_seen_at of every coming and going must cost nothing here.
select bellwire.ensure_trigger('platform.users', 'users_kick_update',
	$$after update on platform.users for each row
	when (old.id <> new.id or old.disabled_at is null and new.disabled_at is not null) execute function rt_private.users_kick()$$);
select bellwire.ensure_trigger('platform.users', 'users_kick_delete',
	$$after delete on platform.users for each row execute function rt_private.users_kick()$$);
select bellwire.ensure_trigger('platform.users', 'users_truncated',
	$$after truncate on platform.users for each statement execute function rt_private.rooms_truncated()$$);

create or replace function rt_private.user_rooms(p_users uuid[]) returns table (user_id uuid, active boolean, rooms text[])
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
	return query
	select q.id, u.id is not null,
		case when u.id is null then '{}' else array['user:' || u.id]
			|| array(select 'participants:' || p.chat_id from platform.chat_participants p where p.user_id = u.id)
			|| array(select 'followers:' || f.followee_id from platform.follows f where f.follower_id = u.id) end
	from unnest(p_users) as q(id)
	left join platform.users u on u.id = q.id and u.disabled_at is null;
end
$$;
comment on function rt_private.user_rooms(uuid[]) is
	'One row for each user: active (exists and is not disabled), and the rooms the rows grant: user:, participants:, followers:. Inactive: none.';

create or replace function rt_private.may_join(p_user uuid, p_room text) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
	return p_room ~ '^chat:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
		and exists (select from platform.chat_participants p where p.user_id = p_user and p.chat_id = substr(p_room, 6)::uuid);
end
$$;
comment on function rt_private.may_join(uuid, text) is 'May a socket of the user be in this room because it joined (chat: rooms only)?';
