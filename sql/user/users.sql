-- platform.users: rows decide rooms and move live sockets.

create or replace function rt_private.users_lock() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if not rt_private.is_silent() then
		-- Chats are locked in sorted order, as everywhere; the cascade would take them in the order of its
		-- rows. The user's own row is locked already, and a writer that has the chat may want it as that of the
		-- sender: rt.dispatch defers such an item, other writers can get a 40P01.
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
		-- A user who is online goes offline first, and the row goes then (rt_private.presence_forget). So does
		-- a row that is locked at this moment.
		delete from bellwire.presence p
		where p.user_id = (select q.user_id from bellwire.presence q where q.user_id = old.id and not q.online for update skip locked);
	end if;
	return null;
end
$$;
comment on function rt_private.users_kick() is
	'A user who is deleted or disabled loses all sockets (docs/connecting.md, "The end of a token, and of a '
	'user").';

create or replace function rt_private.users_renamed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if rt_private.is_silent() then
		perform rt_private.silent_note();
	else
		perform rt_private.control('user_renamed', jsonb_build_object('user_id', new.id));
	end if;
	return null;
end
$$;
comment on function rt_private.users_renamed() is
	'Edges add the name to what they relay: those that know it read it again.';

create or replace function rt_private.users_bounds() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
	raise exception using errcode = 'RT413',
		message = case when octet_length(new.name) > 1024 then 'name: over 1024 bytes'
			else 'avatar_url: over 8192 bytes' end,
		hint = 'Both go out with each message of this user. An avatar_url is a URL, not the picture.';
end
$$;
comment on function rt_private.users_bounds() is
	'A name or avatar_url that is too long for what it goes out with. RT413.';

-- Rows that are longer already may stay, and change in every other column: the bound is one of what is written now.
select bellwire.ensure_trigger('platform.users', 'users_bounds_insert',
	$$before insert on platform.users for each row
	when (octet_length(new.name) > 1024 or octet_length(new.avatar_url) > 8192)
	execute function rt_private.users_bounds()$$);
select bellwire.ensure_trigger('platform.users', 'users_bounds_update',
	$$before update of name, avatar_url on platform.users for each row
	when (octet_length(new.name) > 1024 and new.name <> old.name
		or octet_length(new.avatar_url) > 8192 and new.avatar_url is distinct from old.avatar_url)
	execute function rt_private.users_bounds()$$);
select bellwire.ensure_trigger('platform.users', 'users_lock',
	$$before delete on platform.users for each row execute function rt_private.users_lock()$$);
-- Row triggers with a condition: updates of last_seen_at, at every end of a user's last socket, must cost nothing
-- here. Postgres reads a condition from text in each statement. So this one is as short as it can be, and a changed id
-- has a trigger of its own, which other updates pass by.
select bellwire.ensure_trigger('platform.users', 'users_kick_update',
	$$after update on platform.users for each row
	when (old.disabled_at is null and new.disabled_at is not null) execute function rt_private.users_kick()$$);
select bellwire.ensure_trigger('platform.users', 'users_kick_id',
	$$after update of id on platform.users for each row
	when (old.id <> new.id and (old.disabled_at is not null or new.disabled_at is null))
	execute function rt_private.users_kick()$$);
select bellwire.ensure_trigger('platform.users', 'users_kick_delete',
	$$after delete on platform.users for each row execute function rt_private.users_kick()$$);
select bellwire.ensure_trigger('platform.users', 'users_renamed',
	$$after update of name on platform.users for each row when (old.name <> new.name)
	execute function rt_private.users_renamed()$$);
select bellwire.ensure_trigger('platform.users', 'users_truncated',
	$$after truncate on platform.users for each statement execute function rt_private.rooms_truncated()$$,
	'always');
