-- platform.chats: the lock key, and how others are refused.

select bellwire.ensure_lock_key('chat_id', 'platform.chats', 'id');

create or replace function rt_private.chat_refuse(p_chat_id uuid) returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if exists (select from platform.chats c where c.id = p_chat_id) then
		raise exception using errcode = 'RT403', message = 'Not a participant of this chat';
	end if;
	raise exception using errcode = 'RT404', message = 'No such chat';
end
$$;
comment on function rt_private.chat_refuse(uuid) is
	'Refuses a user who is not a participant: RT403, or RT404 when there is no such chat.';

create or replace function rt_private.chats_gone() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if tg_op = 'TRUNCATE' then
		delete from bellwire.places;
	else
		delete from bellwire.places g where g.chat_id = old.id;
	end if;
	return null;
end
$$;
comment on function rt_private.chats_gone() is 'The places of a chat go with it.';

select bellwire.ensure_trigger('platform.chats', 'chats_gone',
	$$after delete on platform.chats for each row execute function rt_private.chats_gone()$$);
select bellwire.ensure_trigger('platform.chats', 'chats_truncated',
	$$after truncate on platform.chats for each statement execute function rt_private.chats_gone()$$,
	'always');
