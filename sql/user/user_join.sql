-- A user enters a room of a service's own, with all sockets.

create or replace function rt.user_join(p_user uuid, p_room text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
	perform rt_private.user_join(p_user, rt_private.own_room_or_refuse(p_room));
end
$$;
comment on function rt.user_join(uuid, text) is
	'All sockets of the user enter own:<room> when this transaction commits, ordered with the events around it. '
	'For a change of what a source of rooms returns. RT400.';
