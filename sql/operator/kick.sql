-- Ending sockets.

create or replace function rt.kick(
	p_user uuid default null,
	p_socket text default null,
	p_room text default null,
	p_reason text default 'Disconnected by an operator')
returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	if p_reason is null or char_length(p_reason) not between 1 and 200 or p_reason ~ '[[:cntrl:]]'
		or lower(p_reason) = 'invalid token' then
		raise exception
			'reason: 1 to 200 characters in one line that the client is shown, and not "Invalid token"'
			using errcode = 'RT400';
	end if;
	return rt_private.ask('kick',
		rt_private.ask_whom(p_user, p_socket, p_room) || jsonb_build_object('reason', p_reason));
end
$$;
comment on function rt.kick(uuid, text, text, text) is
	'Every edge ends the sockets of a user, one, or those in a room, when this transaction has committed. The '
	'client is told `error` FORBIDDEN with the reason, then disconnected: it does not come back by itself. '
	'rt.answers says how many. RT400, RT429.';
