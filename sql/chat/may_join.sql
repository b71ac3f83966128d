-- Rooms that sockets join on request.

create or replace function rt_private.may_join(p_user uuid, p_room text) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
	return p_room ~ '^chat:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
		and exists (select from platform.chat_participants p where p.user_id = p_user and p.chat_id = substr(p_room, 6)::uuid);
end
$$;
comment on function rt_private.may_join(uuid, text) is
	'May a socket of the user join this room? Only chat: rooms can be joined.';
