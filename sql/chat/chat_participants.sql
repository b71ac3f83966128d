-- platform.chat_participants: rows decide rooms and move live sockets.

create or replace function rt_private.participants_lock() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if not rt_private.is_silent() then
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
	if rt_private.is_silent() then
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
