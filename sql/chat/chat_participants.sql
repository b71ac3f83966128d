-- platform.chat_participants: rows decide rooms and move live sockets.

create or replace function rt_private.participants_lock() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if not rt_private.is_silent() then
		-- The chat's lock comes first (docs/event-path.md, "Membership takes the chat's lock"): a message is
		-- either before the change, for the participants of then, or behind it, for those of now. A row that is
		-- deleted is locked already, so a holder of the chat's lock must not wait for it.
		perform from platform.chats c where c.id = any(array[old.chat_id, new.chat_id]) order by c.id for no key update;
	end if;
	if tg_op = 'DELETE' then
		return old;
	end if;
	return new;
end
$$;
comment on function rt_private.participants_lock() is 'Takes the chat''s lock before a participant comes or goes.';

select bellwire.ensure_trigger('platform.chat_participants', 'participants_lock',
	$$before insert or delete or update of chat_id, user_id on platform.chat_participants for each row execute function rt_private.participants_lock()$$);
select bellwire.ensure_trigger('platform.chat_participants', 'participants_rooms_insert',
	$$after insert on platform.chat_participants referencing new table as new_rows for each statement
	execute function rt_private.rooms_moved('participants', 'chat_id', 'user_id')$$);
select bellwire.ensure_trigger('platform.chat_participants', 'participants_rooms_update',
	$$after update on platform.chat_participants referencing old table as old_rows new table as new_rows for each statement
	execute function rt_private.rooms_moved('participants', 'chat_id', 'user_id')$$);
select bellwire.ensure_trigger('platform.chat_participants', 'participants_rooms_delete',
	$$after delete on platform.chat_participants referencing old table as old_rows for each statement
	execute function rt_private.rooms_moved('participants', 'chat_id', 'user_id')$$);
select bellwire.ensure_trigger('platform.chat_participants', 'participants_truncated',
	$$after truncate on platform.chat_participants for each statement execute function rt_private.rooms_truncated()$$,
	'always');
